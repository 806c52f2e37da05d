/** Reads, end, failure and close of a connection inside TLS, without a handshake. */

import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { setImmediate } from "node:timers/promises";
import type { TLSSocket } from "node:tls";
import type { Peer, ProxyError } from "../../../../src/net/errors.ts";
import { TlsConn } from "../../../../src/net/tls/tls_conn.ts";
import type { ConnDuplex } from "../../../../src/net/tls/duplex.ts";
import { FakeConn, readOnce } from "../../../support/fakes/fake_conn.ts";

/** The time that a peer has to read close_notify, in milliseconds. */
const CLOSE_NOTIFY_TIMEOUT = 1000;

Deno.test("TlsConn.read() gives what came, in order and as far as there is room, and then waits for more", async () => {
  const { conn, socket, duplex } = new Fixture();
  assert.equal(duplex.isOpen, false, "nothing is read without a reader");
  socket.emit("data", bytes("hello"));
  socket.emit("data", bytes(" world"));
  assert.equal(await readOnce(conn, 3), "hel");
  assert.equal(await readOnce(conn, 100), "lo world");
  assert.equal(duplex.isOpen, false, "and nothing was read for what is there");
  const next = readOnce(conn, 100);
  assert.deepEqual([duplex.isOpen, duplex.room], [true, 100]);
  socket.emit("data", bytes("mo"));
  socket.emit("data", bytes("re"));
  assert.equal(await next, "more", "pieces that come together are read together");
  assert.equal(duplex.isOpen, false);
  const last = readOnce(conn, 100);
  socket.emit("data", bytes("last"));
  assert.equal(await last, "last");
});

Deno.test("TlsConn.read() gives bytes, then the end as often as it is asked for, whatever breaks then", async () => {
  const { conn, socket } = new Fixture();
  socket.emit("data", bytes("last"));
  socket.emit("end");
  socket.emit("error", new Error("too late"));
  socket.emit("close");
  assert.equal(await readOnce(conn), "last");
  assert.equal(await readOnce(conn), null);
  assert.equal(await readOnce(conn), null);
});

Deno.test("TlsConn.read() that waits resolves at the end", async () => {
  const { conn, socket, duplex } = new Fixture();
  const read = readOnce(conn);
  socket.emit("end");
  assert.equal(await read, null);
  assert.equal(duplex.isOpen, false);
});

Deno.test("TlsConn rejects with what it broke with, from then on", async () => {
  const { conn, socket } = new Fixture();
  const failure = new Error("broken");
  const read = readOnce(conn);
  socket.emit("error", failure);
  socket.emit("close");
  await assert.rejects(read, failure);
  await assert.rejects(readOnce(conn), failure);
  await assert.rejects(conn.write(bytes("x")), failure);
  assert.equal(socket.written, "");
});

Deno.test("TlsConn that is closed under a read says so", async () => {
  const { conn, socket } = new Fixture();
  const read = readOnce(conn);
  socket.emit("close");
  await assert.rejects(read, { name: "Interrupted" });
  await assert.rejects(conn.write(bytes("x")), { name: "Interrupted" });
});

Deno.test("TlsConn.write() resolves once it was taken, and rejects with what the connection broke with", async () => {
  const { conn, socket } = new Fixture();
  const written = conn.write(bytes("hello"));
  socket.taken();
  assert.equal(await written, 5);
  assert.equal(socket.written, "hello");
  const broken = conn.write(bytes("more"));
  const failure = new Error("broken");
  socket.emit("error", failure);
  socket.taken(new Error("cancelled"));
  await assert.rejects(broken, failure);
  const other = new Fixture();
  const cancelled = other.conn.write(bytes("x"));
  other.socket.taken(new Error("cancelled"));
  await assert.rejects(cancelled, { message: "cancelled" });
});

const REFUSAL = Object.assign(new Error("received fatal alert: UnknownCA"), { code: "ERR_SSL_ERROR" });
const MISBEHAVIOUR = Object.assign(new Error("peer misbehaved"), { code: "ERR_SSL_ERROR" });
const RESET = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });

for (
  const [what, side, before, failure, code] of [
    ["an upstream that refuses before it says anything", "upstream", "", REFUSAL, "tls_refused"],
    ["an upstream that has said something", "upstream", "x", REFUSAL, undefined],
    ["an upstream that breaks TLS at once", "upstream", "", MISBEHAVIOUR, undefined],
    ["an upstream that resets at once", "upstream", "", RESET, undefined],
    ["a client, whose handshake is over", "client", "", REFUSAL, undefined],
  ] as [string, Peer, string, Error, string | undefined][]
) {
  Deno.test(`TlsConn.read() of ${what} rejects with ${code ?? "what it was"}`, async () => {
    const { conn, socket } = new Fixture(side);
    if (before !== "") {
      socket.emit("data", bytes(before));
      assert.equal(await readOnce(conn), before);
    }
    const read = readOnce(conn);
    socket.emit("error", failure);
    const error = await read.catch((cause) => cause);
    if (code === undefined) assert.equal(error, failure);
    else assert.deepEqual([(error as ProxyError).code, (error as ProxyError).side], [code, side]);
  });
}

Deno.test("TlsConn.closeWrite() sends the FIN when close_notify is written, and both once", async () => {
  const { conn, socket, duplex, inner } = new Fixture();
  const written = Promise.withResolvers<void>();
  duplex.flushed = () => {
    assert.ok(socket.hasHandedOver, "close_notify is not handed over yet");
    return written.promise;
  };
  assert.equal(conn.sendsCloseNotify, true);
  const [first, second] = [conn.closeWrite(), conn.closeWrite()];
  await setImmediate();
  await setImmediate();
  assert.deepEqual([socket.ends, inner.isFinished], [1, false]);
  written.resolve();
  await Promise.all([first, second]);
  assert.deepEqual([socket.ends, inner.isFinished, inner.isClosed], [1, true, false]);
});

Deno.test("TlsConn.closeWrite() waits for the writes under way", async () => {
  const { conn, socket, duplex } = new Fixture();
  let flushes = 0;
  duplex.flushed = () => {
    flushes += 1;
    return Promise.resolve();
  };
  const written = Promise.withResolvers<void>();
  socket.end = (callback) => void written.promise.then(callback);
  const closed = conn.closeWrite();
  await setImmediate();
  await setImmediate();
  assert.equal(flushes, 0);
  written.resolve();
  await closed;
  assert.equal(flushes, 1);
});

Deno.test("TlsConn.closeWrite() of a connection that broke does not wait for a socket that says nothing any more", async () => {
  const { conn, socket, inner } = new Fixture();
  socket.emit("error", new Error("broken"));
  await conn.closeWrite();
  assert.deepEqual([socket.ends, inner.isFinished], [0, true]);
});

Deno.test("TlsConn.closeWrite() of a connection that was closed resolves", async () => {
  const { conn, socket } = new Fixture();
  socket.destroyed = true;
  await conn.closeWrite();
  assert.equal(socket.ends, 0);
});

Deno.test("TlsConn.closeWrite() sends no FIN where the duplex is gone", async () => {
  const { conn, duplex, inner } = new Fixture();
  duplex.destroyed = true;
  await conn.closeWrite();
  assert.equal(inner.isFinished, false);
});

Deno.test("TlsConn.close() sends close_notify first, and closes all", async () => {
  using timers = new Timers();
  const fixture = new Fixture();
  fixture.conn.close();
  fixture.conn.close();
  assert.deepEqual([fixture.socket.ends, fixture.inner.isClosed], [1, false]);
  await fixture.closed();
  assert.equal(fixture.inner.isFinished, true);
  assert.deepEqual([timers.delays, timers.pending], [[CLOSE_NOTIFY_TIMEOUT], 0]);
  fixture.conn.close();
  assert.equal(fixture.socket.ends, 1);
});

Deno.test("TlsConn.close() gives a peer that does not read a second", async () => {
  using timers = new Timers();
  const fixture = new Fixture();
  fixture.duplex.flushed = () => new Promise(() => {});
  fixture.conn.close();
  for (let turn = 0; turn < 5; turn++) await setImmediate();
  assert.equal(fixture.isClosed, false);
  assert.deepEqual(timers.delays, [CLOSE_NOTIFY_TIMEOUT]);
  timers.runOut();
  assert.equal(fixture.isClosed, true);
});

for (
  const [what, prepare] of [
    ["during a write", ({ conn }: Fixture) => void conn.write(bytes("x"))],
    ["after a write that failed", async ({ conn, socket }: Fixture) => {
      const written = conn.write(bytes("x"));
      socket.taken(new Error("cancelled"));
      await assert.rejects(written);
    }],
    ["when the end was sent", ({ conn }: Fixture) => conn.closeWrite()],
    ["when the socket is gone", ({ socket }: Fixture) => void (socket.destroyed = true)],
  ] as [string, (fixture: Fixture) => Promise<void> | void][]
) {
  Deno.test(`TlsConn.close() closes at once ${what}`, async () => {
    using timers = new Timers();
    const fixture = new Fixture();
    await prepare(fixture);
    const { ends } = fixture.socket;
    fixture.conn.close();
    assert.equal(fixture.isClosed, true);
    assert.deepEqual([fixture.socket.ends, timers.delays], [ends, []]);
  });
}

Deno.test("TlsConn.close() after a write sends close_notify", async () => {
  const fixture = new Fixture();
  const written = fixture.conn.write(bytes("x"));
  fixture.socket.taken();
  await written;
  fixture.conn.close();
  assert.equal(fixture.isClosed, false);
  await fixture.closed();
  assert.equal(fixture.socket.ends, 1);
});

Deno.test("TlsConn.close() closes all when the end cannot be sent", async () => {
  const fixture = new Fixture();
  fixture.inner.closeWrite = () => Promise.reject(new Error("not connected"));
  fixture.conn.close();
  await fixture.closed();
});

Deno.test("TlsConn.reset() resets at once, and says nothing more", () => {
  const fixture = new Fixture();
  fixture.conn.reset();
  assert.deepEqual([fixture.inner.isReset, fixture.isClosed, fixture.socket.ends], [true, true, 0]);
  fixture.conn.close();
  assert.equal(fixture.socket.ends, 0);
});

Deno.test("TlsConn frees what was encrypted once the next is taken", () => {
  const { socket } = new Fixture();
  const handle = socket._handle;
  const encrypted = [handle.drainEncOut(), handle.drainEncOut()];
  assert.deepEqual(encrypted.map(({ byteLength }) => byteLength), [0, FakeSocket.encrypted]);
});

/** A connection inside TLS, over a socket and a duplex that the test controls. */
class Fixture {
  readonly inner = new FakeConn();
  readonly socket = new FakeSocket();
  readonly duplex = new FakeDuplex();
  readonly conn: TlsConn;

  constructor(side: Peer = "client") {
    this.conn = new TlsConn({
      inner: this.inner,
      duplex: this.duplex as unknown as ConnDuplex,
      socket: this.socket as unknown as TLSSocket,
      side,
    });
  }

  get isClosed(): boolean {
    const closed = [this.socket.destroyed, this.duplex.destroyed, this.inner.isClosed];
    assert.equal(new Set(closed).size, 1, "all or nothing");
    return closed[0]!;
  }

  /** Fails after a few turns. */
  async closed(): Promise<void> {
    for (let turn = 0; turn < 10 && !this.inner.isClosed; turn++) await setImmediate();
    assert.equal(this.isClosed, true);
  }
}

class FakeSocket extends EventEmitter {
  static readonly encrypted = 8192;
  destroyed = false;
  written = "";
  /** How often `end()` was called. */
  ends = 0;
  /** close_notify has reached the duplex; node:tls passes it on after its callback. */
  hasHandedOver = false;
  readonly _handle = { drainEncOut: () => new Uint8Array(FakeSocket.encrypted) };
  #onTaken: ((error?: Error) => void) | undefined;

  write(chunk: Uint8Array, callback: (error?: Error) => void): void {
    this.written += new TextDecoder().decode(chunk);
    this.#onTaken = callback;
  }

  /** Completes the pending write, or fails it. */
  taken(error?: Error): void {
    this.#onTaken!(error);
  }

  end(callback: () => void): void {
    this.ends += 1;
    callback();
    queueMicrotask(() => queueMicrotask(() => queueMicrotask(() => this.hasHandedOver = true)));
  }

  destroy(): void {
    this.destroyed = true;
  }
}

class FakeDuplex {
  destroyed = false;
  isOpen = true;
  room = 0;

  hold(): void {
    this.isOpen = false;
  }

  release(room: number): void {
    this.isOpen = true;
    this.room = room;
  }

  flushed(): Promise<void> {
    return Promise.resolve();
  }

  destroy(): void {
    this.destroyed = true;
  }
}

/** In place of setTimeout, until it is disposed of. */
class Timers implements Disposable {
  /** The delays of all timers so far. */
  readonly delays: number[] = [];
  readonly #set = globalThis.setTimeout;
  readonly #clear = globalThis.clearTimeout;
  readonly #callbacks = new Map<number, () => void>();

  constructor() {
    globalThis.setTimeout = ((callback: () => void, delay: number) => {
      this.#callbacks.set(this.delays.push(delay), callback);
      return this.delays.length;
    }) as unknown as typeof setTimeout;
    globalThis.clearTimeout =
      ((id: number) => void this.#callbacks.delete(id)) as unknown as typeof clearTimeout;
  }

  get pending(): number {
    return this.#callbacks.size;
  }

  runOut(): void {
    for (const callback of this.#callbacks.values()) callback();
    this.#callbacks.clear();
  }

  [Symbol.dispose](): void {
    globalThis.setTimeout = this.#set;
    globalThis.clearTimeout = this.#clear;
  }
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
