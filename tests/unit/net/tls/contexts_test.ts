/** Which node:tls server a client gets, and which of them are used again. */

import assert from "node:assert/strict";
import type { Server } from "node:tls";
import { ReadAheadConn } from "../../../../src/net/socket/read_ahead_conn.ts";
import { TlsContexts, TlsServerPool } from "../../../../src/net/tls/contexts.ts";
import { alternativeNames } from "../../../support/bytes/certificate_bytes.ts";
import { FakeConn } from "../../../support/fakes/fake_conn.ts";
import { factsOf, identity, serverOptions } from "./tls_fixture.ts";

/** As many as are kept. */
const KEPT = 256;

Deno.test("a ClientHello is looked at where there are several certificates", () => {
  const [a, b] = [identity("a.test"), identity("b.test")];
  assert.equal(new TlsContexts(serverOptions({ certificates: [a] })).goesByName, false);
  assert.equal(new TlsContexts(serverOptions({ certificates: [a, b] })).goesByName, true);
});

Deno.test("a client that asks for no name gets the first of several certificates", async () => {
  const address = [alternativeNames(Uint8Array.of(0x87, 4, 127, 0, 0, 1))];
  const certificates = [identity("127.0.0.1", address), identity("b.test")];
  assert.deepEqual(await factsOf({ options: { certificates }, name: "127.0.0.1" }), { version: "TLSv1.3" });
});

Deno.test("so does one that sends something else than a ClientHello", async () => {
  const served = new TlsContexts(serverOptions({ certificates: [identity("a.test"), identity("b.test")] }));
  const conn = new FakeConn();
  conn.arrive("GET / HTTP/1.1\r\n\r\n");
  const servers = await served.serversFor(new ReadAheadConn(conn, 64), new AbortController().signal);
  assert.deepEqual(servers.names, ["a.test"]);
  assert.equal(served.servers, servers);
});

Deno.test("one protocol is offered as several are", async () => {
  assert.equal((await factsOf({ options: { alpn: ["h2"] }, alpn: ["h2"] })).alpn, "h2");
});

Deno.test("a handshake has no time of its own: the signal ends it", () => {
  const server = new TlsContexts(serverOptions()).servers.take();
  // What there is in node:tls is only known to itself.
  const { _handshakeTimeout: timeout } = server as unknown as { _handshakeTimeout: number };
  assert.ok(timeout < 0, `${timeout} ms`);
});

Deno.test("a server that was given back is used again, and has forgotten who listened to it", () => {
  const servers = new TlsServerPool([], {});
  const server = servers.take();
  server.on("secureConnection", () => {}).on("tlsClientError", () => {});
  servers.release(server);
  assert.equal(servers.take(), server);
  for (const event of ["secureConnection", "tlsClientError"]) assert.equal(server.listenerCount(event), 0);
  assert.notEqual(servers.take(), server);
});

Deno.test(`${KEPT} servers are kept, and those above it are not`, () => {
  const servers = new TlsServerPool([], {});
  const taken = Array.from({ length: KEPT + 2 }, () => servers.take());
  for (const server of taken) servers.release(server);
  const again = new Set<Server>(Array.from({ length: KEPT + 2 }, () => servers.take()));
  assert.equal(again.size, KEPT + 2);
  assert.equal(taken.filter((server) => again.has(server)).length, KEPT);
});
