/** Unix sockets with a full backlog: a dial waits for room, as TCP does. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { listen } from "../../../../src/net/socket/listen.ts";
import { dial } from "../../../../src/net/socket/dial.ts";
import { ProxyError } from "../../../../src/net/errors.ts";

testUnix("dial() waits for room in a full backlog, and connects once there is some", async (path) => {
  using full = await fullBacklog(path);
  let isOver = false;
  const dialled = dial({ transport: "unix", path }, {
    adapter: "deno",
    signal: new AbortController().signal,
  });
  dialled.then(() => isOver = true, () => isOver = true);
  // The backlog is as full as before: no client could have connected.
  await assert.rejects(Deno.connect({ transport: "unix", path }), Deno.errors.WouldBlock);
  assert.equal(isOver, false);
  (await full.listener.accept()).close();
  using conn = await dialled;
  assert.equal(conn.remoteAddress.transport, "unix");
});

testUnix(
  "dial() stops trying a full backlog with the reason of its signal, also one that has aborted",
  async (path) => {
    using _full = await fullBacklog(path);
    const tooLate = new ProxyError("connect_timeout", "upstream");
    const ending = new AbortController();
    const dialled = dial({ transport: "unix", path }, { adapter: "node", signal: ending.signal });
    ending.abort(tooLate);
    await assert.rejects(dialled, tooLate);
    const missing = { transport: "unix", path: `${path}.missing` } as const;
    await assert.rejects(dial(missing, { adapter: "deno", signal: ending.signal }), tooLate);
  },
);

testUnix("listen() keeps a socket file with a full backlog, because a program owns it", async (path) => {
  using _full = await fullBacklog(path);
  await assert.rejects(listen({ transport: "unix", path }, { adapter: "deno" }), { code: "address_in_use" });
  assert.ok((await Deno.lstat(path)).isSocket);
});

/** A socket without accepts, with as many connections as it takes. */
async function fullBacklog(path: string) {
  const listener = Deno.listen({ transport: "unix", path }) as unknown as Deno.Listener;
  const stack = new DisposableStack();
  stack.use(listener);
  for (;;) {
    try {
      stack.use(await Deno.connect({ transport: "unix", path }));
    } catch (cause) {
      assert.ok(cause instanceof Deno.errors.WouldBlock, String(cause));
      return { listener, [Symbol.dispose]: () => stack.dispose() };
    }
  }
}

/** Linux is known to say EAGAIN; others refuse the connection. */
function testUnix(name: string, fn: (path: string) => Promise<void>): void {
  Deno.test({
    name: `${name} (needs Linux)`,
    ignore: Deno.build.os !== "linux",
    fn: async () => {
      const directory = await Deno.makeTempDir();
      try {
        await fn(join(directory, "full.sock"));
      } finally {
        await Deno.remove(directory, { recursive: true });
      }
    },
  });
}
