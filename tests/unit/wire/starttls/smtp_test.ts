import assert from "node:assert/strict";
import { smtp } from "../../../../src/wire/starttls/smtp.ts";
import { converse, latin1 } from "./conversation.ts";

const GREETING = "220 mail.test ESMTP\r\n";
const accept = () => smtp.accept({ required: true, name: "mail.test" });

Deno.test("a client of SMTP is greeted and gets TLS, whether its bytes come at once or one at a time", () => {
  for (const size of [Infinity, 1]) {
    assert.deepEqual(converse(accept(), "EHLO me\r\nSTARTTLS\r\n", size), {
      sent: `${GREETING}250-mail.test\r\n250 STARTTLS\r\n220 Ready to start TLS\r\n`,
      end: "tls",
      left: "",
    });
  }
  assert.equal(converse(accept(), "ehlo me\nstarttls \n").end, "tls");
});

Deno.test("what is pipelined behind STARTTLS is thrown away", () => {
  assert.deepEqual(converse(accept(), "STARTTLS\r\nMAIL FROM:<evil@test>\r\nRSET\r\n"), {
    sent: `${GREETING}220 Ready to start TLS\r\n`,
    end: "tls",
    left: "",
  });
});

Deno.test("no mail passes without TLS", () => {
  const text =
    "HELO me\r\nMAIL FROM:<a@test>\r\nAUTH PLAIN AAAA\r\n\r\n\0\r\nNOOP\r\nRSET\r\nSTARTTLS now\r\n";
  assert.deepEqual(converse(accept(), text), {
    sent: GREETING + "250 mail.test\r\n" + "530 Must issue a STARTTLS command first\r\n".repeat(4) +
      "250 OK\r\n250 OK\r\n501 STARTTLS has no parameters\r\n",
    end: "need_more",
    left: "",
  });
  assert.deepEqual(converse(accept(), "QUIT\r\nSTARTTLS\r\n"), {
    sent: `${GREETING}221 Bye\r\n`,
    end: "refused",
    reason: "left without STARTTLS",
    left: "",
  });
});

Deno.test("an upstream greets, offers STARTTLS and gives its consent; its greeting is kept", () => {
  const greeting = "220-mail.test\r\n220 ESMTP \xe9\r\n";
  for (const size of [Infinity, 1]) {
    const request = smtp.request("[192.0.2.1]");
    const said = converse(
      request,
      `${greeting}250-mail.test\r\n250-SIZE 1\r\n250 STARTTLS\r\n220 Go\r\n`,
      size,
    );
    assert.deepEqual(said, { sent: "EHLO [192.0.2.1]\r\nSTARTTLS\r\n", end: "tls", left: "" });
    assert.equal(latin1(request.greeting), greeting);
  }
});

Deno.test("an upstream that gives no TLS is refused, with its words", () => {
  const said = (text: string) => {
    const { end, reason } = converse(smtp.request("x"), text);
    return `${end}: ${reason}`;
  };
  assert.equal(said("554 Go away\r\n"), 'refused: greeted with "554 Go away"');
  assert.equal(said("220 a\r\n500 What?\r\n"), 'refused: answered EHLO with "500 What?"');
  assert.equal(said("220 a\r\n250-a\r\n250 XSTARTTLS\r\n"), "refused: does not offer STARTTLS");
  assert.equal(said("220 a\r\n250 STARTTLS\r\n"), "need_more: undefined");
  assert.equal(
    said("220 a\r\n250-a\r\n250 STARTTLS\r\n454 Not now\r\n"),
    'refused: answered STARTTLS with "454 Not now"',
  );
  const behind = said("220 a\r\n250-a\r\n250 STARTTLS\r\n220 Go\r\n250 injected\r\n");
  assert.equal(behind, "invalid: sent something in plain text behind its consent to TLS");
  const none = "invalid: answered with something that is not SMTP";
  for (const text of ["HTTP/1.1 400\r\n", "\r\n", "22\r\n", "220-a\r\n\0\r\n", "220-a\r\n".repeat(200)]) {
    assert.equal(said(text), none, JSON.stringify(text));
  }
  assert.equal(said("500 \x7f\x9b\xe9\r\n"), 'refused: greeted with "500 \\x7f\\x9b\\xe9"');
  assert.match(said(`500 ${"\x1b[31m".repeat(100)}\r\n`), /^refused: greeted with "500 \\x1b\[31m.*…"$/);
});

Deno.test("a greeting is taken off for a client that was greeted, but not a refusal", () => {
  const skip = (text: string, size?: number) => converse(smtp.skipGreeting!(), text, size);
  for (const size of [Infinity, 1]) {
    const said = skip("220-a\r\n220 b\r\n250 c\r\n", size);
    assert.deepEqual(said, { sent: "", end: "plain", left: "250 c\r\n" });
  }
  assert.deepEqual(skip("421 Too busy\r\n"), { sent: "", end: "plain", left: "421 Too busy\r\n" });
  assert.equal(skip("SSH-2.0-x\r\n").end, "invalid");
  assert.equal(skip("220-a\r\n").end, "need_more");
});
