import assert from "node:assert/strict";
import { DenoConn } from "../../../../src/net/socket/deno_conn.ts";

/** A connection that notes what is asked of its socket. */
function noting(options: { breaks?: boolean } = {}): { conn: DenoConn; calls: string[] } {
  const calls: string[] = [];
  const socket = {
    write(bytes: Uint8Array): Promise<number> {
      calls.push(`write ${bytes.byteLength}`);
      return Promise.resolve(bytes.byteLength);
    },
    setNoDelay(on: boolean): void {
      calls.push(`nodelay ${on}`);
      if (options.breaks === true) throw new TypeError("Invalid argument (os error 22)");
    },
    close(): void {},
  };
  return { conn: new DenoConn(socket as unknown as Deno.TcpConn), calls };
}

Deno.test("TCP_NODELAY is set before the second write, and once", async () => {
  const { conn, calls } = noting();
  conn.setNoDelay(true);
  for (const length of [5, 5, 5]) await conn.write(new Uint8Array(length));
  assert.deepEqual(calls, ["write 5", "nodelay true", "write 5", "write 5"]);
});

Deno.test("TCP_NODELAY is set before a first write that may be more than one segment", async () => {
  const { conn, calls } = noting();
  conn.setNoDelay(true);
  for (const length of [537, 5]) await conn.write(new Uint8Array(length));
  assert.deepEqual(calls, ["nodelay true", "write 537", "write 5"]);
});

Deno.test("TCP_NODELAY stays off where it was not asked for, and is turned off at once", async () => {
  const { conn, calls } = noting();
  for (const length of [1000, 5]) await conn.write(new Uint8Array(length));
  conn.setNoDelay(true);
  conn.setNoDelay(false);
  await conn.write(new Uint8Array(5));
  assert.deepEqual(calls, ["write 1000", "write 5", "nodelay false", "write 5"]);
});

Deno.test("a socket that takes no option is still written to: the write tells what is wrong", async () => {
  const { conn, calls } = noting({ breaks: true });
  conn.setNoDelay(true);
  for (const length of [1000, 5]) assert.equal(await conn.write(new Uint8Array(length)), length);
  assert.deepEqual(calls, ["nodelay true", "write 1000", "write 5"]);
});
