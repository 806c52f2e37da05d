/** The ends of handshakes with upstreams, and which certificates of upstreams TlsClient accepts. */

import assert from "node:assert/strict";
import { mock } from "node:test";
import { setImmediate } from "node:timers/promises";
import tls from "node:tls";
import { ChainVerifier } from "../../../../src/net/tls/chain.ts";
import { TlsClient } from "../../../../src/net/tls/client.ts";
import {
  alternativeNames,
  authority,
  authorityFlag,
  dnsName,
  issue,
} from "../../../support/bytes/certificate_bytes.ts";
import { countedSignal } from "../../../support/fakes/counted_signal.ts";
import { FakeConn, readOnce } from "../../../support/fakes/fake_conn.ts";
import { credentialsOf, factsOf, root, session } from "./tls_fixture.ts";

const client = new TlsClient({ authorities: [root.pem], credentials: undefined, verify: true, alpn: [] });
const NOT_ACCEPTED = "The certificate of the upstream is not accepted: ";

Deno.test("startTls() closes at once when its signal aborts", async () => {
  const conn = new FakeConn();
  const ending = new AbortController();
  const outcome = client.startTls(conn, "a.test", ending.signal);
  await setImmediate();
  assert.notEqual(conn.written, "", "it has said hello");
  ending.abort(new Error("enough"));
  assert.equal(conn.isClosed, true);
  await assert.rejects(outcome, { message: "enough" });
});

Deno.test("startTls() closes a connection that takes nothing when its signal aborts", async () => {
  const conn = new FakeConn();
  conn.write = () => new Promise(() => {});
  const ending = new AbortController();
  const outcome = client.startTls(conn, "a.test", ending.signal);
  await setImmediate();
  ending.abort(new Error("enough"));
  await assert.rejects(outcome, { message: "enough" });
  assert.equal(conn.isClosed, true);
});

for (const what of ["220 ready\r\n", "end", new Error("reset")]) {
  Deno.test(`startTls() closes a connection on which comes: ${String(what).trim()}`, async () => {
    const conn = new FakeConn();
    const counted = countedSignal();
    const outcome = client.startTls(conn, "a.test", counted.signal);
    assert.equal(counted.listeners, 1);
    conn.arrive(what);
    await assert.rejects(outcome, { name: "ProxyError", side: "upstream" });
    assert.deepEqual([conn.isClosed, counted.listeners], [true, 0]);
  });
}

Deno.test("TlsClient takes a FIN right after the handshake as the upstream's end, not as that of the connection", async () => {
  const { client, server, wires: [, far] } = await session();
  await far.closeWrite();
  assert.equal(await readOnce(client), null);
  for (let turn = 0; turn < 5; turn++) await setImmediate();
  await client.write(new TextEncoder().encode("question"));
  assert.equal(await readOnce(server), "question");
  client.close();
  server.close();
});

Deno.test("TlsClient without authorities of its own trusts only those of Deno", async () => {
  await assert.rejects(session({ authorities: undefined }), {
    code: "tls_certificate_rejected",
    message: `${NOT_ACCEPTED}its issuer, CN=Root, is not trusted`,
  });
});

// node:tls checks nothing when a session is resumed. tls_client_test.ts asserts that it resumes none now.
Deno.test("TlsClient does not verify a resumed session with the authorities of Deno", async () => {
  // The types do not have it yet.
  (tls as unknown as { setDefaultCACertificates(pems: string[]): void }).setDefaultCACertificates([root.pem]);
  await factsOf({ authorities: undefined });
  const isReused = mock.method(tls.TLSSocket.prototype, "isSessionReused", () => true);
  try {
    await assert.rejects(session({ authorities: undefined }), {
      message: `${NOT_ACCEPTED}it was not verified: the session was resumed`,
    });
  } finally {
    isReused.mock.restore();
  }
});

Deno.test("TlsClient refuses an upstream that node:tls refuses, even if it finds no fault", async () => {
  // node:tls rejects a repeated extension; here it does not matter, because the authority is configured.
  const odd = authority("Odd", { extensions: [authorityFlag(), authorityFlag()] });
  const leaf = issue({ subject: "a.test", extensions: [alternativeNames(dnsName("a.test"))] }, odd);
  await assert.rejects(
    session({
      options: { certificates: [credentialsOf(leaf, ["a.test"])] },
      authorities: [root.pem, odd.pem],
    }),
    { message: `${NOT_ACCEPTED}it does not verify (UNABLE_TO_VERIFY_LEAF_SIGNATURE)` },
  );
});

Deno.test("TlsClient refuses an upstream whose certificate cannot be read", async () => {
  const failing = mock.method(ChainVerifier.prototype, "faultOf", () => {
    throw new Error("out of order");
  });
  try {
    await assert.rejects(session(), { message: `${NOT_ACCEPTED}it cannot be read: out of order` });
  } finally {
    failing.mock.restore();
  }
});
