/** How NodeConn handles the events of a socket, and what it calls: over a socket that the test simulates. */

import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { setImmediate } from "node:timers/promises";
import { NodeConn } from "../../../../src/net/socket/node_conn.ts";

const CHUNK = 64 * 1024;
const RESET = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });

Deno.test("NodeConn says the addresses of its socket, IPv4 as IPv4", () => {
  const { conn } = played({ remoteAddress: "::ffff:192.0.2.1", remotePort: 4000, localPort: 5432 });
  assert.deepEqual(conn.remoteAddress, { transport: "tcp", hostname: "192.0.2.1", port: 4000 });
  assert.deepEqual(conn.localAddress, { transport: "tcp", hostname: "", port: 5432 });
  assert.deepEqual(played().conn.remoteAddress, { transport: "tcp", hostname: "", port: 0 });
});

Deno.test("NodeConn reads from its socket only while a caller reads from it", async () => {
  const { conn, socket } = played();
  assert.deepEqual(socket.calls, ["pause"]);
  const read = conn.read(new Uint8Array(4));
  assert.deepEqual(socket.calls, ["pause", "resume"]);
  socket.emit("data", bytes("abcdef"));
  assert.deepEqual(socket.calls, ["pause", "resume", "pause"]);
  assert.equal(await read, 4);
  const rest = new Uint8Array(4);
  assert.equal(await conn.read(rest), 2);
  assert.equal(text(rest.subarray(0, 2)), "ef");
  assert.deepEqual(socket.calls.length, 3, "what is there needs no socket");
  socket.emit("data", new Uint8Array(CHUNK));
  assert.deepEqual(socket.calls.slice(3), ["pause"], "at once, as no caller reads");
});

Deno.test("NodeConn reads chunks that fill what node:net reads at a time together, as far as there is room", async () => {
  const { conn, socket } = played();
  const large = new Uint8Array(1024 * 1024);
  const read = conn.read(large);
  socket.emit("data", new Uint8Array(CHUNK).fill(1));
  socket.emit("data", new Uint8Array(CHUNK).fill(2));
  assert.equal(socket.calls.length, 2, "more is there, which comes right after");
  await setImmediate();
  assert.equal(await read, 2 * CHUNK);
  assert.deepEqual([large[0], large[CHUNK - 1], large[CHUNK], large[2 * CHUNK - 1]], [1, 1, 2, 2]);

  const short = conn.read(large);
  socket.emit("data", new Uint8Array(CHUNK));
  socket.emit("data", new Uint8Array(10));
  assert.equal(socket.calls.at(-1), "pause", "a short one is the last");
  assert.equal(await short, CHUNK + 10);
  await setImmediate();
  assert.equal(socket.calls.filter((call) => call === "pause").length, 3);

  const again = conn.read(large);
  socket.emit("data", new Uint8Array(CHUNK));
  await setImmediate();
  assert.equal(await again, CHUNK, "a full one that is the last");

  const exact = conn.read(new Uint8Array(CHUNK));
  socket.emit("data", new Uint8Array(CHUNK));
  assert.equal(socket.calls.at(-1), "pause", "there is no room for more");
  assert.equal(await exact, CHUNK);
  await setImmediate();
});

Deno.test("NodeConn does not pause the next read for what belonged to the one before", async () => {
  const { conn, socket } = played();
  const buffer = new Uint8Array(1024 * 1024);
  const read = conn.read(buffer);
  for (const length of [CHUNK, CHUNK, 1]) socket.emit("data", new Uint8Array(length));
  assert.equal(await read, 2 * CHUNK + 1);
  const next = conn.read(buffer);
  await setImmediate();
  assert.deepEqual(socket.calls, ["pause", "resume", "pause", "resume"]);
  socket.emit("data", bytes("a"));
  assert.equal(await next, 1);
});

Deno.test("NodeConn gives bytes, then the end, whatever comes after", async () => {
  const { conn, socket } = played();
  socket.emit("data", bytes("bye"));
  socket.emit("end");
  socket.emit("error", RESET);
  assert.equal(await conn.read(new Uint8Array(8)), 3);
  assert.equal(await conn.read(new Uint8Array(8)), null);
  assert.equal(await conn.read(new Uint8Array(8)), null);
  assert.equal(socket.calls.includes("resume"), false, "nothing more is asked of the socket");
});

Deno.test("NodeConn ends a read that waits with the end, the failure or the close", async () => {
  const ended = played();
  const end = ended.conn.read(new Uint8Array(8));
  ended.socket.emit("end");
  assert.equal(await end, null);

  const failed = played();
  const failing = failed.conn.read(new Uint8Array(8));
  failed.socket.emit("error", RESET);
  failed.socket.emit("close");
  await assert.rejects(failing, RESET);
  await assert.rejects(failed.conn.read(new Uint8Array(8)), RESET, "the first failure stays");
  assert.deepEqual(failed.socket.calls, ["pause", "resume"], "a broken socket is not read");

  const closed = played();
  const closing = closed.conn.read(new Uint8Array(8));
  closed.socket.emit("close");
  await assert.rejects(closing, Deno.errors.Interrupted);
});

Deno.test("NodeConn.write() fails with the reason of the socket, not with what it says of the write", async () => {
  const cancelled = Object.assign(new Error("write ECANCELED"), { code: "ECANCELED" });
  const { conn, socket } = played();
  assert.equal(await conn.write(bytes("abc")), 3);
  socket.fails = cancelled;
  await assert.rejects(conn.write(bytes("abc")), cancelled);
  socket.errored = RESET;
  await assert.rejects(conn.write(bytes("abc")), RESET);
  const broken = new Error("first");
  socket.emit("error", broken);
  const { length } = socket.calls;
  await assert.rejects(conn.write(bytes("abc")), broken);
  assert.equal(socket.calls.length, length, "a broken socket is not written to");
});

Deno.test("NodeConn.closeWrite() resolves when the FIN is sent, and at once when the socket is broken", async () => {
  const { conn, socket } = played();
  const closing = conn.closeWrite();
  assert.ok(closing instanceof Promise);
  await closing;
  assert.equal(socket.calls.at(-1), "end");
  const broken = played();
  broken.socket.emit("error", RESET);
  await broken.conn.closeWrite();
  assert.deepEqual(broken.socket.calls, ["pause"]);
});

Deno.test("NodeConn.closeWrite() of a connection that was closed resolves", async () => {
  const { conn, socket } = played();
  conn.close();
  await conn.closeWrite();
  assert.deepEqual(socket.calls, ["pause", "destroy"]);
});

Deno.test("NodeConn asks its socket for what it is asked for", () => {
  const { conn, socket } = played();
  conn.setOptions({ nodelay: true, keepalive: true });
  conn.setOptions({ nodelay: false, keepalive: 30_000 });
  conn.setOptions({ nodelay: true, keepalive: false });
  conn.reset();
  conn.reset();
  conn.close();
  conn[Symbol.dispose]();
  assert.deepEqual(socket.calls, [
    "pause",
    "setNoDelay true",
    "setKeepAlive true,0",
    "setKeepAlive true,30000",
    "setNoDelay true",
    "resetAndDestroy",
    "destroy",
    "destroy",
  ]);
});

/** Windows has no second descriptor of a socket. */
const ignore = Deno.build.os === "windows";

Deno.test("NodeConn writes what surely finds room through its socket, all else once something was received", {
  ignore,
}, async () => {
  const attempts: [writes: number[], fails: boolean][] = [
    [[4096], false],
    [[4097], true],
    [[4000, 96], false],
    [[4000, 97], true],
    [Array(8).fill(1), false],
    [Array(9).fill(1), true],
  ];
  for (const [writes, fails] of attempts) {
    // No descriptor is left: a request for a second one fails.
    const { conn, socket } = played({ _handle: { fdForIpc: () => -1 } });
    for (const length of writes.slice(0, -1)) await conn.write(new Uint8Array(length));
    const last = conn.write(new Uint8Array(writes.at(-1)!));
    if (fails) await assert.rejects(last, { code: "EMFILE" });
    else await last;
    socket.emit("data", bytes("a"));
    assert.equal(await conn.write(new Uint8Array(10_000)), 10_000, "nothing but the socket is asked then");
  }
  for (const handle of [null, {}]) {
    const { conn } = played({ _handle: handle });
    assert.equal(await conn.write(new Uint8Array(10_000)), 10_000, "where there is no second descriptor");
  }
});

class PlayedSocket extends EventEmitter {
  readonly calls: string[] = [];
  fails: Error | null = null;
  errored: Error | null = null;
  destroyed = false;

  pause = () => void this.calls.push("pause");
  resume = () => void this.calls.push("resume");
  setNoDelay = (on: boolean) => void this.calls.push(`setNoDelay ${on}`);
  setKeepAlive = (...args: unknown[]) => void this.calls.push(`setKeepAlive ${args}`);

  write(_bytes: Uint8Array, callback: (error: Error | null) => void): void {
    this.calls.push("write");
    callback(this.fails);
  }

  /** As in Deno 2.9.6, a destroyed socket calls no callback. */
  end(callback: () => void): void {
    this.calls.push("end");
    if (!this.destroyed) callback();
  }

  destroy(): void {
    this.calls.push("destroy");
    this.destroyed = true;
  }

  resetAndDestroy(): void {
    this.calls.push("resetAndDestroy");
    this.destroyed = true;
  }
}

function played(facts: Record<string, unknown> = {}): { conn: NodeConn; socket: PlayedSocket } {
  const socket = Object.assign(new PlayedSocket(), facts);
  return { conn: new NodeConn(socket as unknown as Socket), socket };
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
