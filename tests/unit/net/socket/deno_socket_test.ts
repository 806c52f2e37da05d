import assert from "node:assert/strict";
import { DenoConn } from "../../../../src/net/socket/deno_socket.ts";

/** A connection that records the calls of its socket. */
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
    setKeepAlive(on: boolean): void {
      calls.push(`keepalive ${on}`);
    },
    close(): void {},
  };
  return { conn: new DenoConn(socket as unknown as Deno.TcpConn), calls };
}

Deno.test("DenoConn sets TCP_NODELAY before the second write, once", async () => {
  const { conn, calls } = noting();
  conn.setOptions({ nodelay: true, keepalive: false });
  for (const length of [5, 5, 5]) await conn.write(new Uint8Array(length));
  assert.deepEqual(calls, ["write 5", "nodelay true", "write 5", "write 5"]);
});

Deno.test("DenoConn sets TCP_NODELAY before a first write that may be more than one segment", async () => {
  const { conn, calls } = noting();
  conn.setOptions({ nodelay: true, keepalive: false });
  for (const length of [537, 5]) await conn.write(new Uint8Array(length));
  assert.deepEqual(calls, ["nodelay true", "write 537", "write 5"]);
});

Deno.test("DenoConn sets no option that was not asked for, and keepalive at once", async () => {
  const { conn, calls } = noting();
  conn.setOptions({ nodelay: false, keepalive: false });
  for (const length of [1000, 5]) await conn.write(new Uint8Array(length));
  assert.deepEqual(calls.splice(0), ["write 1000", "write 5"]);
  conn.setOptions({ nodelay: false, keepalive: true });
  conn.setOptions({ nodelay: false, keepalive: 30_000 });
  await conn.write(new Uint8Array(1000));
  assert.deepEqual(calls.splice(0), ["keepalive true", "keepalive true", "write 1000"]);
  conn.close();
  conn.setOptions({ nodelay: false, keepalive: true });
  assert.deepEqual(calls, []);
});

Deno.test("DenoConn writes to a socket that rejects options: the write reports the error", async () => {
  const { conn, calls } = noting({ breaks: true });
  conn.setOptions({ nodelay: true, keepalive: false });
  for (const length of [1000, 5]) assert.equal(await conn.write(new Uint8Array(length)), length);
  assert.deepEqual(calls, ["nodelay true", "write 1000", "write 5"]);
});
