/** Peers that finish sending before their first byte, and read slowly. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { writeAll } from "../../../../src/net/socket/conn.ts";
import { proxyErrorOf } from "../../../../src/net/errors.ts";
import { NodeConn } from "../../../../src/net/socket/node_conn.ts";
import { descriptorsOf, socketsAt } from "../../../support/peers/socket_descriptors.ts";

/** Three times the bytes that loopback takes when the peer does not read. */
const ANSWER = Uint8Array.from({ length: 12 * 1024 * 1024 + 1 }, (_, at) => (at * 31) ^ (at >> 13));

Deno.test("Deno's node:net still fails waiting writes to a peer that ended first: else src/net/workarounds/early_half_close.ts can go", async () => {
  await using pair = await connected();
  const { peer, accepted } = pair;
  peer.pause();
  peer.end();
  accepted.resume();
  await once(accepted, "end");
  const error = await new Promise<NodeJS.ErrnoException | null | undefined>((resolve) => {
    accepted.on("error", () => {});
    accepted.write(ANSWER, resolve);
  });
  assert.equal(error?.code, "EPIPE");
});

/** The bytes in the kernel are read from /proc. */
const ignore = Deno.build.os !== "linux";

for (const when of ["before the answer", "while a write of the answer waits"]) {
  Deno.test(`NodeConn delivers all to a peer that finishes sending ${when}`, { ignore }, async () => {
    let sockets;
    {
      await using pair = await connected();
      sockets = pair.sockets;
      const { peer, accepted } = pair;
      using conn = new NodeConn(accepted);
      peer.pause();
      const written = when === "before the answer" ? finish(peer, conn).then(() => send(conn)) : send(conn);
      if (when !== "before the answer") {
        await waits(accepted);
        await finish(peer, conn);
      }
      const received = await hashOf(peer);
      await written;
      assert.equal(received, createHash("sha256").update(ANSWER).digest("hex"));
    }
    assert.equal(descriptorsOf(sockets), 0);
  });
}

Deno.test(
  "NodeConn.reset() is a RST while a write waits for a peer that finished sending first",
  { ignore },
  async () => {
    let sockets;
    {
      await using pair = await connected();
      sockets = pair.sockets;
      const { peer, accepted } = pair;
      using conn = new NodeConn(accepted);
      peer.pause();
      await finish(peer, conn);
      const written = send(conn);
      await waits(accepted);
      const broken = once(peer, "error");
      conn.reset();
      await assert.rejects(written);
      peer.resume();
      const [error] = await broken;
      assert.equal(error.code, "ECONNRESET");
    }
    assert.equal(descriptorsOf(sockets), 0);
  },
);

Deno.test("NodeConn.close() leaves no descriptor behind while a write waits", { ignore }, async () => {
  let sockets;
  {
    await using pair = await connected();
    sockets = pair.sockets;
    const conn = new NodeConn(pair.accepted);
    pair.peer.pause();
    const written = send(conn);
    await waits(pair.accepted);
    conn.close();
    await assert.rejects(written);
  }
  assert.equal(descriptorsOf(sockets), 0);
});

Deno.test("NodeConn reports a reset by a peer that finished sending first, as caused by that peer", {
  ignore,
}, async () => {
  await using pair = await connected();
  const { peer, accepted } = pair;
  using conn = new NodeConn(accepted);
  peer.pause();
  await finish(peer, conn);
  const written = send(conn);
  await waits(accepted);
  peer.resetAndDestroy();
  const error = await written.then(() => undefined, (cause) => proxyErrorOf(cause, "client"));
  assert.equal(error?.isReset, true, error?.code);
});

Deno.test("NodeConn has one descriptor again once it has sent its FIN", { ignore }, async () => {
  await using pair = await connected();
  const before = descriptorsOf(pair.sockets);
  using conn = new NodeConn(pair.accepted);
  const received = drained(pair.peer, 64 * 1024);
  await writeAll(conn, new Uint8Array(64 * 1024));
  assert.equal(descriptorsOf(pair.sockets), before + 1);
  await conn.closeWrite();
  assert.equal(descriptorsOf(pair.sockets), before);
  await received;
});

Deno.test("NodeConn has one descriptor again once its peer has sent something", { ignore }, async () => {
  await using pair = await connected();
  const { peer, accepted } = pair;
  const before = descriptorsOf(pair.sockets);
  using conn = new NodeConn(accepted);
  const greeting = new Uint8Array(64 * 1024);
  const received = drained(peer, 2 * greeting.byteLength);
  await writeAll(conn, greeting);
  assert.equal(descriptorsOf(pair.sockets), before + 1);
  peer.write("a");
  assert.equal(await conn.read(new Uint8Array(8)), 1);
  await writeAll(conn, greeting);
  assert.equal(descriptorsOf(pair.sockets), before);
  await received;
});

async function send(conn: NodeConn): Promise<void> {
  for (let sent = 0; sent < ANSWER.byteLength; sent += 64 * 1024) {
    await writeAll(conn, ANSWER.subarray(sent, sent + 64 * 1024));
  }
  await conn.closeWrite();
}

/** The peer sends its FIN without a byte, and the connection reads it. */
async function finish(peer: Socket, conn: NodeConn): Promise<void> {
  peer.end();
  assert.equal(await conn.read(new Uint8Array(8)), null);
}

/** Resolves when the kernel takes no more bytes: two readings are the same. */
async function waits(socket: Socket): Promise<void> {
  for (let before = -1; before !== await unsent(socket);) before = await unsent(socket);
}

/** Bytes in the kernel's queue of this side, after this thread has had time to write. */
async function unsent(socket: Socket): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, 20));
  const { localPort, remotePort } = socket;
  const hex = (port: number) => port.toString(16).toUpperCase().padStart(4, "0");
  const line = (await Deno.readTextFile("/proc/self/net/tcp")).split("\n").find((line) =>
    line.includes(`:${hex(localPort!)} `) && line.includes(`:${hex(remotePort!)} `)
  );
  return parseInt(line!.trim().split(/\s+/)[4]!, 16);
}

function hashOf(peer: Socket): Promise<string> {
  const hash = createHash("sha256");
  peer.on("data", (chunk) => {
    hash.update(chunk);
    peer.pause();
    setTimeout(() => peer.resume(), 0);
  });
  peer.resume();
  return new Promise((resolve) => peer.on("end", () => resolve(hash.digest("hex"))));
}

function drained(peer: Socket, bytes: number): Promise<void> {
  return new Promise((resolve) =>
    peer.on("data", (chunk) => {
      bytes -= chunk.byteLength;
      if (bytes === 0) resolve();
    })
  );
}

/** A connection: a peer, and the side of the server. */
async function connected() {
  const server = createServer({ allowHalfOpen: true });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const peer = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  const [accepted] = await once(server, "connection") as [Socket];
  return {
    peer,
    accepted,
    sockets: ignore ? new Set<string>() : socketsAt(port),
    async [Symbol.asyncDispose]() {
      const ended = Promise.all([peer, accepted].map((socket) => socket.closed || once(socket, "close")));
      peer.destroy();
      accepted.destroy();
      await ended;
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
