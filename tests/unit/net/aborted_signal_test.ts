/** Functions with a signal check it first: a listener that is added later gets no "abort" event. */

import assert from "node:assert/strict";
import { createServer } from "node:net";
import { abortable } from "../../../src/net/timers/abortable.ts";
import type { Conn } from "../../../src/net/socket/conn.ts";
import { dial } from "../../../src/net/socket/dial.ts";
import { ProxyError } from "../../../src/net/errors.ts";
import { connectFirst } from "../../../src/net/socket/happy_eyeballs.ts";
import { NameLookup } from "../../../src/net/socket/lookup.ts";
import { clientHelloIn, peek, receiveProxyHeader } from "../../../src/net/socket/first_bytes.ts";
import { ReadAheadConn } from "../../../src/net/socket/read_ahead_conn.ts";
import { sleep } from "../../../src/net/timers/sleep.ts";
import { TlsClient } from "../../../src/net/tls/client.ts";
import { DenoTlsConn } from "../../../src/net/tls/listener.ts";
import { PendingHandshakes } from "../../../src/net/tls/pending.ts";
import { TlsServer, type TlsServerOptions } from "../../../src/net/tls/server.ts";
import { DnsResolver } from "../../../src/upstream/discovery/dns/resolver.ts";
import { within } from "../../support/program/program.ts";
import { FakeConn } from "../../support/fakes/fake_conn.ts";

const REASON = new Error("over before it began");
const OVER = AbortSignal.abort(REASON);
const never = new Promise<never>(() => {});
const silent = () => new ReadAheadConn(new FakeConn(), 64);

/** With two certificates, it reads the name first; it reads neither before a ClientHello has arrived. */
const OPTIONS: TlsServerOptions = {
  certificates: [{ cert: "", key: "", names: ["a.test"] }, { cert: "", key: "", names: ["b.test"] }],
  clientAuthorities: [],
  clientAuth: "none",
  alpn: [],
  minVersion: "1.2",
};

const CASES: readonly [name: string, begin: () => Promise<unknown>][] = [
  ["abortable()", () => abortable(never, OVER)],
  ["abortable() of what has failed", () => abortable(Promise.reject(new Error("unheard")), OVER)],
  ["receiveProxyHeader()", () => receiveProxyHeader(silent(), OVER)],
  ["NameLookup.addresses()", () => new NameLookup({ find: () => never }).addresses("a", OVER)],
  ["connectFirst()", () => connectFirst(["::1"], { connect: () => never, signal: OVER })],
  ["DnsResolver.addresses()", () => new DnsResolver(undefined).addresses("a.test", OVER)],
  ["DnsResolver.services()", () => new DnsResolver(undefined).services("a.test", OVER)],
];

for (const [name, begin] of CASES) {
  Deno.test(`${name} ends at once with a signal that has aborted`, async () => {
    await assert.rejects(begin(), (error) => error === REASON || (error as ProxyError).cause === REASON);
  });
}

Deno.test("sleep() and peek() end at once with a signal that has aborted", async () => {
  await sleep(1e9, OVER);
  assert.equal(await peek(silent(), { maxBytes: 10, signal: OVER }, clientHelloIn), "no ClientHello in time");
});

for (const adapter of ["deno", "node"] as const) {
  Deno.test(`dial() over ${adapter} connects nowhere with a signal that has aborted`, async () => {
    let accepted = 0;
    const server = createServer(() => void accepted++).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as { port: number };
    const tcp = { transport: "tcp", hostname: "127.0.0.1", port } as const;
    for (
      const address of [tcp, { ...tcp, hostname: "localhost" }, { transport: "unix", path: "/none" } as const]
    ) {
      await assert.rejects(
        dial(address, { adapter, signal: OVER }),
        (error) => error === REASON || (error as ProxyError).cause === REASON,
      );
    }
    await new Promise((resolve) => server.close(resolve));
    assert.equal(accepted, 0);
  });
}

Deno.test("terminate() with an expired deadline closes the connection, and evicts no other", async () => {
  const pending = new PendingHandshakes(1);
  let evicted = 0;
  using _other = pending.enter(() => void evicted++);
  const server = new TlsServer(OPTIONS, pending);
  const client = new TlsClient({ authorities: [], credentials: undefined, verify: true, alpn: [] });
  const handshakes: ((conn: FakeConn) => Promise<unknown>)[] = [
    (conn) => server.terminate(conn, OVER),
    (conn) => client.startTls(conn, "a.test", OVER),
    (conn) => new DenoTlsConn(asTls(conn)).handshake(pending, OVER),
  ];
  for (const begin of handshakes) {
    const conn = new FakeConn();
    await assert.rejects(begin(conn), (error) => error === REASON);
    assert.ok(conn.isClosed);
  }
  assert.equal(evicted, 0);
});

for (const how of ["evicted", "out of time"] as const) {
  Deno.test(`terminate() closes a client that trickles bytes when it is ${how}, at any moment`, async () => {
    for (let microtasks = 0; microtasks < 20; microtasks++) {
      const server = new TlsServer(OPTIONS, new PendingHandshakes(1));
      const outOfTime = new AbortController();
      const conn = new FakeConn();
      const ended = server.terminate(conn, outOfTime.signal).catch((error) => error);
      conn.arrive("\x16");
      for (let passed = 0; passed < microtasks; passed++) await null;
      const next = new FakeConn();
      const other = new AbortController();
      const nextEnded = how === "evicted" ? server.terminate(next, other.signal).catch(() => {}) : undefined;
      if (how === "out of time") outOfTime.abort(new ProxyError("tls_handshake_timeout", "client"));
      const error = await within(500, "the end of a handshake", ended);
      assert.equal(error.code, how === "evicted" ? "tls_handshakes_full" : "tls_handshake_timeout");
      assert.ok(conn.isClosed, `open when it comes ${microtasks} microtasks after a byte`);
      other.abort();
      await nextEnded;
    }
  });
}

function asTls(conn: Conn): Deno.TlsConn {
  return { close: () => conn.close(), handshake: () => never } as unknown as Deno.TlsConn;
}
