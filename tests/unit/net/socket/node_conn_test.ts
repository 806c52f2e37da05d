import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { proxyErrorOf } from "../../../../src/net/errors.ts";
import { NodeConn } from "../../../../src/net/socket/node_conn.ts";

/** More than the kernel takes for a peer that does not read. */
const TOO_MUCH = 32 * 1024 * 1024;

Deno.test("NodeConn.write() fails with the reset that interrupts it, not with ECANCELED", async () => {
  const { server, peer, accepted } = await connected();
  peer.pause();
  peer.on("error", () => {});
  const ended = new Promise<void>((resolve) => accepted.once("close", () => resolve()));
  using conn = new NodeConn(accepted);
  const written = conn.write(new Uint8Array(TOO_MUCH));
  const read = conn.read(new Uint8Array(1));
  peer.resetAndDestroy();
  const codes = (await Promise.allSettled([written, read])).map((outcome) =>
    outcome.status === "rejected" ? proxyErrorOf(outcome.reason, "client").code : outcome.value
  );
  assert.deepEqual(codes, ["connection_reset", "connection_reset"]);
  await ended;
  await new Promise((resolve) => server.close(resolve));
});

for (const room of [2 * 1024, 1024 * 1024]) {
  Deno.test(`NodeConn.read() returns exactly one chunk of 64 KiB before silence, with a buffer of ${room} bytes`, async () => {
    const chunk = Uint8Array.from({ length: 64 * 1024 }, (_, at) => at % 251);
    const { server, peer, accepted } = await connected();
    const conn = new NodeConn(accepted);
    // All bytes have arrived before the first read.
    await new Promise<void>((resolve) => void peer.write(chunk, () => resolve()));
    const received: number[] = [];
    const buffer = new Uint8Array(room);
    while (received.length < chunk.length) received.push(...buffer.subarray(0, await conn.read(buffer) ?? 0));
    assert.deepEqual(Uint8Array.from(received), chunk);
    conn.close();
    peer.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
}

/** A server, a client of it, and the server's side of that client's connection. */
async function connected() {
  const server = createServer({ allowHalfOpen: true });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const peer = connect({ port, host: "127.0.0.1" });
  const [accepted] = await once(server, "connection") as [Socket];
  return { server, peer, accepted };
}
