/** The node:tls server that a client gets, and which servers are reused. */

import assert from "node:assert/strict";
import type { Server } from "node:tls";
import { ReadAheadConn } from "../../../../src/net/socket/read_ahead_conn.ts";
import { TlsContexts, TlsServerPool } from "../../../../src/net/tls/contexts.ts";
import { alternativeNames } from "../../../support/bytes/certificate_bytes.ts";
import { FakeConn } from "../../../support/fakes/fake_conn.ts";
import { factsOf, identity, serverOptions } from "./tls_fixture.ts";

/** The number that is kept. */
const KEPT = 256;

Deno.test("TlsContexts reads the ClientHello if there are several certificates", () => {
  const [a, b] = [identity("a.test"), identity("b.test")];
  assert.equal(new TlsContexts(serverOptions({ certificates: [a] })).goesByName, false);
  assert.equal(new TlsContexts(serverOptions({ certificates: [a, b] })).goesByName, true);
});

Deno.test("TlsContexts gives a client without a name the first of several certificates", async () => {
  const address = [alternativeNames(Uint8Array.of(0x87, 4, 127, 0, 0, 1))];
  const certificates = [identity("127.0.0.1", address), identity("b.test")];
  assert.deepEqual(await factsOf({ options: { certificates }, name: "127.0.0.1" }), { version: "TLSv1.3" });
});

Deno.test("TlsContexts gives a client without a ClientHello the first certificate", async () => {
  const served = new TlsContexts(serverOptions({ certificates: [identity("a.test"), identity("b.test")] }));
  const conn = new FakeConn();
  conn.arrive("GET / HTTP/1.1\r\n\r\n");
  const servers = await served.serversFor(new ReadAheadConn(conn, 64), new AbortController().signal);
  assert.deepEqual(servers.names, ["a.test"]);
  assert.equal(served.servers, servers);
});

Deno.test("TlsContexts offers a single protocol as it offers several", async () => {
  assert.equal((await factsOf({ options: { alpn: ["h2"] }, alpn: ["h2"] })).alpn, "h2");
});

Deno.test("TlsContexts sets no handshake timeout: the signal ends a handshake", () => {
  const server = new TlsContexts(serverOptions()).servers.take();
  // The content of a node:tls server cannot be read.
  const { _handshakeTimeout: timeout } = server as unknown as { _handshakeTimeout: number };
  assert.ok(timeout < 0, `${timeout} ms`);
});

Deno.test("TlsServerPool reuses a released server, without its listeners", () => {
  const servers = new TlsServerPool([], {});
  const server = servers.take();
  server.on("secureConnection", () => {}).on("tlsClientError", () => {});
  servers.release(server);
  assert.equal(servers.take(), server);
  for (const event of ["secureConnection", "tlsClientError"]) assert.equal(server.listenerCount(event), 0);
  assert.notEqual(servers.take(), server);
});

Deno.test(`TlsServerPool keeps ${KEPT} idle servers, and no more`, () => {
  const servers = new TlsServerPool([], {});
  const taken = Array.from({ length: KEPT + 2 }, () => servers.take());
  for (const server of taken) servers.release(server);
  const again = new Set<Server>(Array.from({ length: KEPT + 2 }, () => servers.take()));
  assert.equal(again.size, KEPT + 2);
  assert.equal(taken.filter((server) => again.has(server)).length, KEPT);
});
