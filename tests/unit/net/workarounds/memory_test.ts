import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { detachBuffer } from "../../../../src/net/workarounds/memory.ts";
import { NodeConn } from "../../../../src/net/socket/node_conn.ts";

/** In bytes: the transfer, the size of a read of node:net, and the most that may be in memory at any time. */
const BULK = 64 * 1024 * 1024;
const CHUNK = 64 * 1024;
const IN_MEMORY = 4 * 1024 * 1024;

Deno.test("detachBuffer() frees the memory of bytes", () => {
  const bytes = new Uint8Array(65_536);
  detachBuffer(bytes);
  assert.deepEqual([bytes.byteLength, bytes.buffer.byteLength], [0, 0]);
  detachBuffer(bytes); // once more is nothing
});

for (
  const [what, bytes] of [
    ["the start of a buffer", new Uint8Array(new ArrayBuffer(65_536), 0, 32_768)],
    ["the end of a buffer", new Uint8Array(new ArrayBuffer(65_536), 32_768)],
    ["few bytes", new Uint8Array(100)],
    ["no bytes", new Uint8Array(0)],
    ["shared memory", new Uint8Array(new SharedArrayBuffer(65_536))],
  ] as const
) {
  Deno.test(`detachBuffer() leaves ${what} alone`, () => {
    const { length, buffer } = bytes;
    detachBuffer(bytes);
    assert.deepEqual([bytes.length, bytes.buffer === buffer], [length, true]);
  });
}

Deno.test("NodeConn reads many chunks at a time in bulk, and leaves nothing to the garbage collector", async () => {
  const bulk = new Uint8Array(BULK);
  const server = createServer((socket) => void socket.end(bulk));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket: Socket = connect({
    port: (server.address() as { port: number }).port,
    host: "127.0.0.1",
    allowHalfOpen: true,
  });
  await once(socket, "connect");
  const conn = new NodeConn(socket);
  const buffer = new Uint8Array(1024 * 1024);
  let received = 0;
  let largest = 0;
  let most = 0;
  const before = Deno.memoryUsage().external;
  for (let count = await conn.read(buffer); count !== null; count = await conn.read(buffer)) {
    received += count;
    largest = Math.max(largest, count);
    most = Math.max(most, Deno.memoryUsage().external - before);
  }
  conn.close();
  await new Promise((resolve) => server.close(resolve));
  assert.equal(received, BULK);
  assert.ok(largest > CHUNK, `reads of ${largest} bytes at most`);
  assert.ok(most < IN_MEMORY, `${most} bytes in memory`);
});
