import assert from "node:assert/strict";
import { postgres } from "../../../../src/wire/starttls/postgres.ts";
import { converse } from "./conversation.ts";

const SSL_REQUEST = "\0\0\0\x08\x04\xd2\x16\x2f";
const GSSENC_REQUEST = "\0\0\0\x08\x04\xd2\x16\x30";
const CANCEL_REQUEST = "\0\0\0\x10\x04\xd2\x16\x2e\0\0\x01\x02\x03\x04\x05\x06";
const STARTUP = "\0\0\0\x11\0\x03\0\0user\0a\0\0\0";
/** The beginning of a ClientHello. */
const TLS = "\x16\x03\x01\x02\0";

const accept = (required = true) => postgres.accept({ required, name: "db.test" });

Deno.test("a client of PostgreSQL that asks for TLS gets it, whether its bytes come at once or one at a time", () => {
  for (const size of [Infinity, 1]) {
    assert.deepEqual(converse(accept(), SSL_REQUEST, size), { sent: "S", end: "tls", left: "" });
  }
});

Deno.test("a client that wants GSSAPI first gets a no, and may then ask for TLS", () => {
  assert.deepEqual(converse(accept(), GSSENC_REQUEST + SSL_REQUEST, 8), { sent: "NS", end: "tls", left: "" });
  assert.deepEqual(converse(accept(false), GSSENC_REQUEST + STARTUP, 8), {
    sent: "N",
    end: "plain",
    left: STARTUP,
  });
  assert.match(converse(accept(), GSSENC_REQUEST + GSSENC_REQUEST, 8).reason!, /second GSSENCRequest/);
});

Deno.test("a client that begins with TLS gets no answer before it", () => {
  for (const size of [Infinity, 1]) {
    assert.deepEqual(converse(accept(), TLS, size), { sent: "", end: "tls", left: TLS });
  }
});

Deno.test("what is pipelined behind a request is refused, before the answer", () => {
  for (const behind of [STARTUP, TLS, SSL_REQUEST, "\0"]) {
    for (const [request, name] of [[SSL_REQUEST, "SSLRequest"], [GSSENC_REQUEST, "GSSENCRequest"]] as const) {
      assert.deepEqual(converse(accept(false), request + behind), {
        sent: "",
        end: "invalid",
        reason: `sent something in plain text behind its ${name}`,
        left: "",
      });
    }
  }
});

Deno.test("a CancelRequest passes in plain text, and nothing behind it", () => {
  for (const required of [true, false]) {
    for (const size of [Infinity, 1]) {
      const said = converse(accept(required), CANCEL_REQUEST, size);
      assert.deepEqual(said, { sent: "", end: "plain", left: CANCEL_REQUEST });
    }
    assert.equal(converse(accept(required), `${CANCEL_REQUEST}\0`).end, "invalid");
  }
});

Deno.test("a client without TLS is let in, or refused with an error that it can show", () => {
  assert.deepEqual(converse(accept(false), STARTUP), { sent: "", end: "plain", left: STARTUP });
  const { sent, end, reason } = converse(accept(), STARTUP, 1);
  assert.deepEqual([end, reason], ["refused", "did not ask for TLS"]);
  assert.match(sent, /^E\0\0\0.SFATAL\0VFATAL\0C28000\0M.*TLS.*\0\0$/s);
  assert.equal(sent.charCodeAt(4), sent.length - 1);
  // Closing over unread bytes would lose the error: it waits for all of the message.
  assert.equal(converse(accept(), STARTUP.slice(0, -1)).end, "need_more");
});

Deno.test("where there is no TLS for clients, they get a no and go on", () => {
  const decline = (text: string, size = 8) => converse(postgres.decline!(), text, size);
  assert.deepEqual(decline(STARTUP, 1), { sent: "", end: "plain", left: STARTUP });
  assert.deepEqual(decline(GSSENC_REQUEST + SSL_REQUEST + STARTUP), {
    sent: "NN",
    end: "plain",
    left: STARTUP,
  });
  assert.deepEqual(decline(CANCEL_REQUEST, 1), { sent: "", end: "plain", left: CANCEL_REQUEST });
  assert.match(decline(SSL_REQUEST + SSL_REQUEST).reason!, /a second SSLRequest/);
  assert.match(decline(SSL_REQUEST + STARTUP, Infinity).reason!, /in plain text behind/);
  assert.match(decline(TLS).reason!, /began with TLS/);
});

Deno.test("what is not PostgreSQL is refused as soon as it shows", () => {
  for (
    const text of [
      "G",
      "GET / HTTP/1.1\r\n",
      "\x15\x03",
      "\xff",
      "\0\0\0\x07\0\x03\0\0",
      "\0\0\x27\x11\0\x03\0\0",
    ]
  ) {
    assert.equal(converse(accept(), text).end, "invalid", JSON.stringify(text));
  }
  assert.equal(converse(accept(), "\0\0\0\x09\x04\xd2\x16\x2f\0").end, "invalid");
  assert.equal(converse(accept(), "").end, "need_more");
});

Deno.test("an upstream is asked for TLS, and has to answer with exactly one byte", () => {
  const request = (answer: string) => converse(postgres.request("x"), answer);
  assert.deepEqual(request(""), { sent: SSL_REQUEST, end: "need_more", left: "" });
  assert.deepEqual(request("S"), { sent: SSL_REQUEST, end: "tls", left: "" });
  assert.equal(request("N").end, "refused");
  assert.match(request("N").reason!, /"N": it offers no TLS/);
  assert.equal(request("SE").end, "invalid");
  assert.match(request("SR\0\0\0\x08\0\0\0\0").reason!, /in plain text behind its consent/);
  for (const other of ["E", "\0", "220 mail", "\x16\x03"]) assert.equal(request(other).end, "invalid");
});
