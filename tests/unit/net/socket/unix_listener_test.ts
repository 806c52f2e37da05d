import assert from "node:assert/strict";
import { join } from "node:path";
import { listen, type Listener } from "../../../../src/net/socket/listen.ts";
import { ListenError } from "../../../../src/net/socket/listen_error.ts";

testUnix("of several who find a stale socket one binds, and its socket stays", async (path) => {
  for (let round = 0; round < 10; round++) {
    leaveStaleSocket(path);
    const attempts = await Promise.allSettled(
      Array.from({ length: 8 }, () => listen({ transport: "unix", path }, { adapter: "deno" })),
    );
    const bound = attempts.flatMap((each) => each.status === "fulfilled" ? [each.value] : []);
    const refused = attempts.flatMap((each) => each.status === "rejected" ? [each.reason] : []);
    let accepting: Promise<void> | undefined;
    try {
      assert.equal(bound.length, 1);
      for (const error of refused) assert.equal((error as ListenError).code, "address_in_use");
      using client = await Deno.connect({ transport: "unix", path });
      accepting = closeAll(bound[0]!);
      assert.equal(await client.read(new Uint8Array(1)), null);
    } finally {
      for (const listener of bound) listener.close();
      await accepting;
    }
  }
});

Deno.test({
  name: "an abstract socket is bound by its name, without a file, once (needs Linux)",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const name = `sluice-test-${crypto.randomUUID()}`;
    const address = { transport: "unix", path: `@${name}` } as const;
    const listener = await listen(address, { adapter: "deno", unixMode: 0o600 });
    assert.deepEqual(listener.address, address);
    await assert.rejects(listen(address, { adapter: "deno" }), {
      message:
        `Cannot listen on unix:@${name}: address already in use (another program answers there; stop it ` +
        "or choose another path)",
    });
    using client = await Deno.connect({ transport: "unix", path: `\0${name}` });
    const conn = await listener.accept();
    assert.deepEqual(conn.localAddress, address);
    conn.close();
    assert.equal(await client.read(new Uint8Array(1)), null);
    listener.close();
  },
});

/** Closes whoever comes, those included who only looked whether anybody answers. */
async function closeAll(listener: Listener): Promise<void> {
  try {
    for (;;) (await listener.accept()).close();
  } catch {
    // It was closed.
  }
}

/** As a program leaves it that was killed. */
function leaveStaleSocket(path: string): void {
  const listener = Deno.listen({ transport: "unix", path: `${path}.tmp` });
  Deno.renameSync(`${path}.tmp`, path);
  listener.close();
}

/** With a path that is free, in a folder of its own. */
function testUnix(name: string, fn: (path: string) => Promise<void>): void {
  Deno.test({
    name: `${name} (needs Unix)`,
    ignore: Deno.build.os === "windows",
    fn: async () => {
      const directory = await Deno.makeTempDir({ dir: "/tmp" });
      try {
        await fn(join(directory, "test.sock"));
      } finally {
        await Deno.remove(directory, { recursive: true });
      }
    },
  });
}
