import assert from "node:assert/strict";
import { imap } from "../../../../src/wire/starttls/imap.ts";
import { converse, latin1 } from "./conversation.ts";

const GREETING = "* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] ready\r\n";
const accept = () => imap.accept({ required: true, name: "mail.test" });

Deno.test("a client of IMAP is greeted and gets TLS, whether its bytes come at once or one at a time", () => {
  for (const size of [Infinity, 1]) {
    assert.deepEqual(converse(accept(), "a1 CAPABILITY\r\na2 noop\r\na3 STARTTLS\r\n", size), {
      sent:
        `${GREETING}* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\na1 OK Done\r\na2 OK Done\r\na3 OK Begin TLS\r\n`,
      end: "tls",
      left: "",
    });
  }
});

Deno.test("what is pipelined behind STARTTLS is thrown away", () => {
  assert.deepEqual(converse(accept(), "a STARTTLS\r\nb LOGIN evil evil\r\n"), {
    sent: `${GREETING}a OK Begin TLS\r\n`,
    end: "tls",
    left: "",
  });
});

Deno.test("nothing passes without TLS", () => {
  assert.deepEqual(
    converse(accept(), "a LOGIN me secret\r\nb SELECT inbox\r\n\r\n* x\r\n\0\r\n+ STARTTLS\r\n"),
    {
      sent: GREETING + "a BAD Begin TLS with STARTTLS first\r\nb BAD Begin TLS with STARTTLS first\r\n" +
        "* BAD Expected a tag and a command\r\n".repeat(4),
      end: "need_more",
      left: "",
    },
  );
  assert.deepEqual(converse(accept(), "a LOGOUT\r\n"), {
    sent: `${GREETING}* BYE Logging out\r\na OK Done\r\n`,
    end: "refused",
    reason: "left without STARTTLS",
    left: "",
  });
});

Deno.test("an upstream greets and gives its consent; its greeting is kept, without what it can do in plain text", () => {
  for (
    const [sent, kept] of [["[CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] Hi", "Hi"], ["Hi [x]", "Hi [x]"]]
  ) {
    for (const size of [Infinity, 1]) {
      const request = imap.request("x");
      const said = converse(request, `* OK ${sent}\r\n* CAPABILITY x\r\ntls OK Go\r\n`, size);
      assert.deepEqual(said, { sent: "tls STARTTLS\r\n", end: "tls", left: "" });
      assert.equal(latin1(request.greeting), `* OK ${kept}\r\n`);
    }
  }
});

Deno.test("an upstream that gives no TLS is refused, with its words", () => {
  const said = (text: string) => {
    const { end, reason } = converse(imap.request("x"), text);
    return `${end}: ${reason}`;
  };
  assert.equal(said("* BYE Full\r\n"), 'refused: greeted with "* BYE Full"');
  assert.equal(said("* PREAUTH Hi\r\n"), 'refused: greeted with "* PREAUTH Hi"');
  assert.equal(said("* OK a\r\ntls BAD What?\r\n"), 'refused: answered STARTTLS with "tls BAD What?"');
  assert.equal(said("* OK a\r\n* BYE Full\r\n"), 'refused: greeted with "* BYE Full"');
  const behind = said("* OK a\r\ntls OK Go\r\n* injected\r\n");
  assert.equal(behind, "invalid: sent something in plain text behind its consent to TLS");
  const none = "invalid: answered with something that is not IMAP";
  for (const text of ["220 mail\r\n", "\r\n", "* OK a\r\nother OK\r\n", "* OK a\r\n\0\r\n"]) {
    assert.equal(said(text), none, JSON.stringify(text));
  }
});

Deno.test("a greeting is taken off for a client that was greeted, but not a refusal", () => {
  const skip = (text: string, size?: number) => converse(imap.skipGreeting!(), text, size);
  for (const size of [Infinity, 1]) {
    assert.deepEqual(skip("* OK a\r\n* b\r\n", size), { sent: "", end: "plain", left: "* b\r\n" });
  }
  assert.deepEqual(skip("* BYE Full\r\n"), { sent: "", end: "plain", left: "* BYE Full\r\n" });
  assert.equal(skip("* PREAUTH Hi\r\n").end, "refused");
  assert.equal(skip("220 a\r\n").end, "invalid");
});
