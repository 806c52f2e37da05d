import assert from "node:assert/strict";
import { proxyErrorOf } from "../../../../src/net/errors.ts";
import { tlsErrorOf } from "../../../../src/net/tls/errors.ts";
import { isTlsError } from "../../../../src/net/tls/faults.ts";

/** The error as Deno.listenTls throws it, and as node:tls does. */
const ENGINES: [name: string, thrown: (message: string) => Error][] = [
  ["Deno.listenTls", (message) => new Deno.errors.InvalidData(message)],
  ["node:tls", (message) => Object.assign(new Error(message), { code: "ERR_SSL_ERROR" })],
];

const AFTER_HANDSHAKE: [message: string, code: string, detail: string][] = [
  ["peer misbehaved: TooManyKeyUpdateRequests", "tls_failed", "The client asked for new keys too often"],
  ["peer misbehaved: TooManyRenegotiationRequests", "tls_failed", "The client tried to renegotiate"],
  [
    "received fatal alert: HandshakeFailure",
    "tls_failed",
    "The client ended TLS as after an attempt to renegotiate (alert HandshakeFailure)",
  ],
  ["received fatal alert: InternalError", "tls_failed", "The client ended TLS (alert InternalError)"],
  ["cannot decrypt peer's message", "tls_failed", "The client sent what cannot be decrypted"],
  [
    "received corrupt message of type InvalidContentType",
    "tls_failed",
    "The client sent something that is not TLS",
  ],
  ["what is in no table", "tls_failed", "TLS failed: what is in no table"],
  [
    "received fatal alert: UnknownCA",
    "tls_refused",
    "The client does not trust the issuer of our certificate (alert UnknownCA)",
  ],
  [
    "received fatal alert: CertificateOfNewKind",
    "tls_refused",
    "The client refused TLS (alert CertificateOfNewKind)",
  ],
];

for (const [engine, thrown] of ENGINES) {
  for (const [message, code, detail] of AFTER_HANDSHAKE) {
    Deno.test(`after the handshake, ${engine}: "${message}" is ${code}`, () => {
      const cause = thrown(message);
      const error = proxyErrorOf(cause, "client");
      assert.deepEqual([error.code, error.side, error.message, error.cause], [code, "client", detail, cause]);
      assert.equal(error.isReset, false);
    });
  }

  Deno.test(`in the handshake, ${engine}: an alert is a refusal, and anything else a handshake that failed`, () => {
    const codes = AFTER_HANDSHAKE.map(([message]) => tlsErrorOf(thrown(message), "client").code);
    const expected = AFTER_HANDSHAKE.map(([message]) =>
      message.includes("alert") ? "tls_refused" : "tls_handshake_failed"
    );
    assert.deepEqual(codes, expected);
  });
}

Deno.test("isTlsError() takes errors of the two engines, and nothing else that has their code", () => {
  for (const [, thrown] of ENGINES) assert.equal(isTlsError(thrown("what fails")), true);
  for (const other of [undefined, "ERR_SSL_ERROR", { code: "ERR_SSL_ERROR" }, new Error("ERR_SSL_ERROR")]) {
    assert.equal(isTlsError(other), false);
  }
});
