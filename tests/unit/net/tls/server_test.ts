import assert from "node:assert/strict";
import { mock } from "node:test";
import { setImmediate } from "node:timers/promises";
import { PendingHandshakes } from "../../../../src/net/tls/pending.ts";
import { TlsServerPool } from "../../../../src/net/tls/contexts.ts";
import { TlsServer, type TlsServerOptions } from "../../../../src/net/tls/server.ts";
import { alternativeNames, authority, dnsName, issue } from "../../../support/bytes/certificate_bytes.ts";
import { countedSignal } from "../../../support/fakes/counted_signal.ts";
import { FakeConn, readOnce } from "../../../support/fakes/fake_conn.ts";
import { session } from "./tls_fixture.ts";

const root = authority();
const NEVER = new AbortController().signal;

function options(...names: string[]): TlsServerOptions {
  const certificates = names.map((name) => {
    const { pem, keys } = issue({ subject: name, extensions: [alternativeNames(dnsName(name))] }, root);
    const key = keys.privateKey.export({ type: "sec1", format: "pem" }) as string;
    return { cert: pem, key, names: [name] };
  });
  return { certificates, clientAuthorities: [root.pem], clientAuth: "none", alpn: [], minVersion: "1.2" };
}

Deno.test("update() changes nothing when nothing has changed", () => {
  const first = options("a.test");
  const server = new TlsServer(first, new PendingHandshakes(1));
  assert.equal(server.update(structuredClone(first)), false);
  assert.equal(server.update({ ...first, alpn: ["h2"] }), true);
  assert.equal(server.update(first), true);
});

Deno.test("TlsServer without authorities cannot request client certificates", () => {
  const none = { ...options("a.test"), clientAuth: "request", clientAuthorities: [] } as const;
  assert.throws(() => new TlsServer(none, new PendingHandshakes(1)), TypeError);
});

// With one certificate, and with several, for which it reads the ClientHello first.
for (const names of [["a.test"], ["a.test", "b.test"]]) {
  const kind = `${names.length} certificate${names.length === 1 ? "" : "s"}`;

  Deno.test(`terminate() ends the oldest handshake when there are too many, with ${kind}`, async () => {
    const pending = new PendingHandshakes(1);
    const server = new TlsServer(options(...names), pending);
    const [first, second] = [new FakeConn(), new FakeConn()];
    const evicted = server.terminate(first, NEVER);
    const ending = new AbortController();
    const other = server.terminate(second, ending.signal);
    await assert.rejects(evicted, { code: "tls_handshakes_full" });
    assert.equal(first.isClosed, true);
    assert.equal(pending.size, 1);
    ending.abort(new Error("enough"));
    await assert.rejects(other, { message: "enough" });
    assert.equal(second.isClosed, true);
    assert.equal(pending.size, 0);
  });

  Deno.test(`terminate() closes a connection on which something else than TLS comes, with ${kind}`, async () => {
    const pending = new PendingHandshakes(1);
    const server = new TlsServer(options(...names), pending);
    for (const what of ["GET / HTTP/1.1\r\n\r\n", "end", new Error("reset")]) {
      const conn = new FakeConn();
      const outcome = server.terminate(conn, NEVER);
      conn.arrive(what);
      await assert.rejects(outcome, { side: "client" }, String(what));
      assert.equal(conn.isClosed, true, String(what));
      assert.equal(pending.size, 0);
    }
  });

  Deno.test(`terminate() begins nothing when it is too late, with ${kind}`, async () => {
    const conn = new FakeConn();
    const server = new TlsServer(options(...names), new PendingHandshakes(1));
    await assert.rejects(server.terminate(conn, AbortSignal.abort(new Error("late"))), { message: "late" });
    assert.deepEqual([conn.isClosed, conn.isRead], [true, false]);
  });

  Deno.test(`terminate() leaves no listener on its signal, with ${kind}`, async () => {
    const counted = countedSignal();
    const conn = new FakeConn();
    const outcome = new TlsServer(options(...names), new PendingHandshakes(1)).terminate(
      conn,
      counted.signal,
    );
    assert.equal(counted.listeners, 1);
    conn.arrive("end");
    await assert.rejects(outcome, { message: "The client closed during the handshake" });
    assert.equal(counted.listeners, 0);
  });
}

Deno.test("terminate() closes at once when its signal aborts", async () => {
  const conn = new FakeConn();
  const ending = new AbortController();
  const outcome = new TlsServer(options("a.test"), new PendingHandshakes(1)).terminate(conn, ending.signal);
  ending.abort(new Error("enough"));
  assert.equal(conn.isClosed, true);
  await assert.rejects(outcome, { message: "enough" });
});

Deno.test("TlsServer releases every node:tls server after its handshake, however that ends", async () => {
  using servers = new Servers();
  const { client, server } = await session();
  assert.deepEqual(servers.counts, { taken: 1, givenBack: 1 });
  client.close();
  server.close();
  for (const what of ["GET / HTTP/1.1\r\n\r\n", "end", new Error("reset"), "abort"]) {
    servers.clear();
    const conn = new FakeConn();
    const ending = new AbortController();
    const outcome = new TlsServer(options("a.test"), new PendingHandshakes(1)).terminate(conn, ending.signal);
    if (what === "abort") ending.abort();
    else conn.arrive(what);
    await assert.rejects(outcome);
    for (let turn = 0; turn < 10; turn++) await setImmediate();
    assert.deepEqual(servers.counts, { taken: 1, givenBack: 1 }, String(what));
  }
});

Deno.test("TlsServer takes no node:tls server for a client that ends before its name is known", async () => {
  using servers = new Servers();
  const conn = new FakeConn();
  const ending = new AbortController();
  const server = new TlsServer(options("a.test", "b.test"), new PendingHandshakes(1));
  const outcome = server.terminate(conn, ending.signal);
  ending.abort(new Error("enough"));
  await assert.rejects(outcome, { message: "enough" });
  assert.deepEqual(servers.counts, { taken: 0, givenBack: 0 });
});

Deno.test("TlsServer fails once if a handshake fails while it is ended", async () => {
  for (let microtasks = 0; microtasks < 20; microtasks++) {
    const server = new TlsServer(options("a.test", "b.test"), new PendingHandshakes(1));
    const conn = new FakeConn();
    const ending = new AbortController();
    const outcome = server.terminate(conn, ending.signal).catch(({ message }) => message);
    conn.arrive(new Error("reset"));
    for (let passed = 0; passed < microtasks; passed++) await null;
    ending.abort(new Error("enough"));
    assert.match(await outcome, /^(reset|enough)$/);
    assert.equal(conn.isClosed, true);
  }
  // An unhandled rejection would have failed this test by now.
  await setImmediate();
});

Deno.test("TlsServer looks for the name in the first 64 KiB of a ClientHello, and leaves the rest to node:tls", async () => {
  using servers = new Servers();
  const conn = new FakeConn();
  const ending = new AbortController();
  const server = new TlsServer(options("a.test", "b.test"), new PendingHandshakes(1));
  const outcome = server.terminate(conn, ending.signal);
  // 64 KiB in records of 16 KiB, which are not the whole ClientHello yet.
  const record = new Uint8Array(16 * 1024);
  record.set([22, 3, 1, (record.length - 5) >> 8, (record.length - 5) & 0xff]);
  const first = record.slice();
  first.set([1, 0, 0xff, 0xff, 3, 3], 5);
  for (const bytes of [first, record, record]) conn.arrive(bytes);
  for (let turn = 0; turn < 5; turn++) await setImmediate();
  assert.deepEqual(servers.counts, { taken: 0, givenBack: 0 });
  conn.arrive(record);
  for (let turn = 0; turn < 5; turn++) await setImmediate();
  assert.deepEqual(servers.counts, { taken: 1, givenBack: 0 });
  ending.abort(new Error("enough"));
  await assert.rejects(outcome, { message: "enough" });
});

Deno.test("TlsServer takes a FIN right after the handshake as the client's end, not as that of the connection", async () => {
  const { client, server, wires: [near] } = await session();
  await near.closeWrite();
  assert.equal(await readOnce(server), null);
  for (let turn = 0; turn < 5; turn++) await setImmediate();
  await server.write(new TextEncoder().encode("answer"));
  assert.equal(await readOnce(client), "answer");
  client.close();
  server.close();
});

/** Records the node:tls servers that are taken and released. */
class Servers implements Disposable {
  readonly #take = mock.method(TlsServerPool.prototype, "take");
  readonly #release = mock.method(TlsServerPool.prototype, "release");

  /** Each released server was taken before. */
  get counts() {
    const taken = new Set(this.#take.mock.calls.map(({ result }) => result));
    const givenBack = this.#release.mock.calls.map(({ arguments: [server] }) => server);
    return { taken: taken.size, givenBack: givenBack.filter((server) => taken.has(server)).length };
  }

  clear(): void {
    this.#take.mock.resetCalls();
    this.#release.mock.resetCalls();
  }

  [Symbol.dispose](): void {
    this.#take.mock.restore();
    this.#release.mock.restore();
  }
}
