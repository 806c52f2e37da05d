/** What a failed handshake is called, and which words say why: of everything that fails one. */

import assert from "node:assert/strict";
import { ProxyError } from "../../../../src/net/errors.ts";
import { certificateRejected, tlsErrorOf } from "../../../../src/net/tls/errors.ts";

/** An error of node:tls. */
function thrown(message: string, code?: string): Error {
  return Object.assign(new Error(message), code === undefined ? {} : { code });
}

const NOT_ACCEPTED = "The certificate of the upstream is not accepted: ";

const CASES: readonly [cause: Error, code: string, message: string][] = [
  [
    thrown("received fatal alert: AccessDenied", "ERR_SSL_ERROR"),
    "tls_refused",
    "The upstream denies access (alert AccessDenied)",
  ],
  [
    thrown("received fatal alert: BrandNew", "ERR_SSL_ERROR"),
    "tls_refused",
    "The upstream refused TLS (alert BrandNew)",
  ],
  [
    thrown("bad signature", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"),
    "tls_certificate_rejected",
    `${NOT_ACCEPTED}it cannot be read, or has a critical extension that is not understood`,
  ],
  ...([
    ["certificate expired: verification time 2 (UNIX)", "it has expired"],
    ["Expired", "it has expired"],
    ["certificate not valid yet", "it is not valid yet"],
    ["NotValidYet", "it is not valid yet"],
    ["UnknownIssuer", "its issuer is not trusted"],
    ["Other(OtherError(CaUsedAsEndEntity))", "it is an authority's own certificate"],
    ["InvalidPurpose", "its key usage does not fit"],
    ["BrandNew", "invalid peer certificate: BrandNew"],
  ] as const).map(([fault, said]): typeof CASES[number] => [
    thrown(`invalid peer certificate: ${fault}`, "ERR_SSL_ERROR"),
    "tls_certificate_rejected",
    NOT_ACCEPTED + said,
  ]),
  ...([
    ["received corrupt message of type InvalidContentType", "sent something that is not TLS"],
    ["peer doesn't support any known protocol", "has no protocol (ALPN) in common with us"],
    ["peer sent no certificates", "sent no certificate"],
    ["peer is incompatible: Tls12NotOffered", "has no TLS version in common with us"],
    ["peer is incompatible: SignatureAlgorithmsExtensionRequired", "has no TLS version in common with us"],
    ["socket hang up", "closed during the handshake"],
    ["Client network socket disconnected before secure TLS connection", "closed during the handshake"],
  ] as const).map(([message, said]): typeof CASES[number] => [
    // Such as "socket hang up" node:tls says with a code of its own.
    thrown(message, "ECONNRESET"),
    "tls_handshake_failed",
    `The upstream ${said}`,
  ]),
  [thrown("what is new", "ERR_SSL_ERROR"), "tls_handshake_failed", "TLS failed: what is new"],
  [new Deno.errors.InvalidData("what is new"), "tls_handshake_failed", "TLS failed: what is new"],
  [thrown("what is below TLS", "EIO"), "io_error", "what is below TLS"],
  [thrown("read ECONNRESET", "ECONNRESET"), "connection_reset", "read ECONNRESET"],
];

for (const [cause, code, message] of CASES) {
  Deno.test(`a handshake that fails with "${cause.message}" is ${code}`, () => {
    const error = tlsErrorOf(cause, "upstream");
    assert.deepEqual([error.code, error.side, error.message], [code, "upstream", message]);
    assert.equal(error.cause, cause);
  });
}

Deno.test("a peer that has gone without a word has closed during the handshake", () => {
  const { code, side, message } = tlsErrorOf(undefined, "client");
  assert.deepEqual([code, side, message], [
    "tls_handshake_failed",
    "client",
    "The client closed during the handshake",
  ]);
});

Deno.test("what is no error of TLS stays what it is", () => {
  const known = new ProxyError("shutdown", "proxy", { detail: "received fatal alert: UnknownCA" });
  assert.equal(tlsErrorOf(known, "client"), known);
  const odd = tlsErrorOf("just words", "client");
  assert.ok(odd instanceof ProxyError);
  assert.deepEqual([odd.code, odd.side], ["io_error", "client"]);
});

Deno.test("certificateRejected() says whose certificate it is, and what is wrong with it", () => {
  const cause = new Error("why");
  const error = certificateRejected("client", "it has expired", cause);
  assert.deepEqual([error.code, error.side, error.message, error.cause], [
    "tls_certificate_rejected",
    "client",
    "The certificate of the client is not accepted: it has expired",
    cause,
  ]);
});
