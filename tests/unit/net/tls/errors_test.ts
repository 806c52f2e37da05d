/** The code and the words of every failure of a handshake. */

import assert from "node:assert/strict";
import { ProxyError } from "../../../../src/net/errors.ts";
import { ReadAheadConn } from "../../../../src/net/socket/read_ahead_conn.ts";
import { certificateRejected, tlsErrorOf } from "../../../../src/net/tls/errors.ts";
import { acceptTls, requestTls } from "../../../../src/net/tls/starttls.ts";
import { FakeConn } from "../../../support/fakes/fake_conn.ts";

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
    // node:tls adds a code of its own to messages such as "socket hang up".
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
  Deno.test(`tlsErrorOf() of "${cause.message}" is ${code}`, () => {
    const error = tlsErrorOf(cause, "upstream");
    assert.deepEqual([error.code, error.side, error.message], [code, "upstream", message]);
    assert.equal(error.cause, cause);
  });
}

Deno.test("tlsErrorOf() without a cause says that the peer closed during the handshake", () => {
  const { code, side, message } = tlsErrorOf(undefined, "client");
  assert.deepEqual([code, side, message], [
    "tls_handshake_failed",
    "client",
    "The client closed during the handshake",
  ]);
});

Deno.test("tlsErrorOf() keeps errors that are not of TLS", () => {
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

/** The error of a client or an upstream whose connection fails at a write, after those that succeed. */
async function failedWrite(
  hold: (conn: FakeConn) => Promise<unknown>,
  { code = "EPIPE", sent = "", succeeding = 0 }: { code?: string; sent?: string; succeeding?: number } = {},
): Promise<ProxyError> {
  const conn = new FakeConn();
  const failure = Object.assign(new Error(code), { code });
  let written = 0;
  conn.write = (bytes) => ++written > succeeding ? Promise.reject(failure) : Promise.resolve(bytes.length);
  if (sent !== "") conn.arrive(sent);
  return await hold(conn).then(() => assert.fail("it did not fail"), (error) => error);
}

Deno.test("a client that a write finds reset has sent nothing, unless it has sent something", async () => {
  const { signal } = new AbortController();
  const options = { name: "mx.test", required: true };
  const client = (conn: FakeConn) => acceptTls(new ReadAheadConn(conn, 1024), "smtp", options, signal);
  for (const code of ["EPIPE", "ECONNRESET", "ECONNABORTED"]) {
    const error = await failedWrite(client, { code });
    assert.deepEqual([error.isReset, error.side, error.sentNothing], [true, "client", true], code);
  }
  const late = await failedWrite(client, { sent: "EHLO a.test\r\n", succeeding: 1 });
  assert.deepEqual([late.code, late.sentNothing], ["broken_pipe", false]);
  // A write that fails for another reason says nothing about what the client has sent.
  const other = await failedWrite(client, { code: "EIO" });
  assert.deepEqual([other.code, other.sentNothing], ["io_error", false]);
  const upstream = (conn: FakeConn) =>
    requestTls(conn, "postgres", (begun) => Promise.resolve(begun), signal);
  const error = await failedWrite(upstream);
  assert.deepEqual([error.side, error.sentNothing], ["upstream", false]);
});
