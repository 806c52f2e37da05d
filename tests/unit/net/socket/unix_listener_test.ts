import assert from "node:assert/strict";
import { basename, dirname, join } from "node:path";
import { keptLinkOf } from "../../../../src/net/socket/kept_links.ts";
import { listen, type Listener } from "../../../../src/net/socket/listen.ts";
import { namesIn } from "../../../support/program/directory.ts";
import { ListenError } from "../../../../src/net/socket/listen_error.ts";

testUnix("listen() replaces a stale socket in one of several programs, whose socket stays", async (path) => {
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

testUnix(
  "listen() with replaces takes the path of a listener, whose clients stay, and whose end changes nothing",
  async (path) => {
    const address = { transport: "unix", path } as const;
    const old = await listen(address, { adapter: "deno" });
    using early = await Deno.connect(address);
    await assert.rejects(listen(address, { adapter: "deno" }), { code: "address_in_use" });
    const next = await listen(address, { adapter: "deno", unixMode: 0o600, replaces: true });
    try {
      assert.deepEqual([old.address, next.address], [address, address]);
      using late = await Deno.connect(address);
      const [ofEarly, ofLate] = await Promise.all([old.accept(), next.accept()]);
      assert.deepEqual([ofEarly.localAddress, ofLate.localAddress], [address, address]);
      await late.write(new Uint8Array(2));
      assert.equal(await ofLate.read(new Uint8Array(9)), 2);
      ofEarly.close();
      assert.equal(await early.read(new Uint8Array(1)), null);
      ofLate.close();
      old.close();
      await old.closing;
      assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
      assert.deepEqual(await namesIn(dirname(path)), [basename(path)]);
    } finally {
      old.close();
      next.close();
    }
    await assert.rejects(Deno.lstat(path), Deno.errors.NotFound);
  },
);

testUnix(
  "close() removes every link to its socket file, and no other file, after it has closed",
  async (path) => {
    const address = { transport: "unix", path } as const;
    const listener = await listen(address, { adapter: "deno" });
    const other = await listen({ ...address, path: `${path}.other` }, { adapter: "deno" });
    const linkTo = async (target: string) => {
      const link = keptLinkOf(path);
      await Deno.link(target, link);
      return basename(link);
    };
    await linkTo(path);
    // A directory cannot be removed as a file, and leaves the links.
    const directory = keptLinkOf(path);
    await Deno.mkdir(directory);
    const foreign = await linkTo(`${path}.other`);
    await linkTo(path);
    listener.close();
    const names = () => [...Deno.readDirSync(dirname(path))].map(({ name }) => name).sort();
    // Its thread does not wait for the folder, which may be large.
    assert.equal(names().length, 5);
    await listener.closing;
    assert.deepEqual(names(), [basename(directory), foreign, `${basename(path)}.other`].sort());
    other.close();
    await other.closing;
    assert.deepEqual(names(), [basename(directory)]);
  },
);

testUnix(
  "listen() removes sockets that programs killed before the rename have left, and no other file",
  async (path) => {
    const beside = (name: string) => join(dirname(path), name);
    const [dead, longName, upperCase] = [".s0a1b2c", ".s0a1b2c3", ".s0A1B2C"].map(beside);
    for (const left of [dead!, longName!, upperCase!]) leaveStaleSocket(left);
    await Deno.writeTextFile(beside(".sffffff"), "precious");
    const alive = await listen({ transport: "unix", path: beside(".s123456") }, { adapter: "deno" });
    const accepting = closeAll(alive);
    const listener = await listen({ transport: "unix", path }, { adapter: "deno" });
    const names = [".s0A1B2C", ".s0a1b2c3", ".s123456", ".sffffff", basename(path)];
    assert.deepEqual(await namesIn(dirname(path)), names);
    for (const each of [alive, listener]) each.close();
    await accepting;
  },
);

testUnix("close() reads no folder where its socket file has no other name", async (path) => {
  const listener = await listen({ transport: "unix", path }, { adapter: "deno" });
  listener.close();
  assert.equal(listener.closing, undefined);
  await assert.rejects(Deno.lstat(path), Deno.errors.NotFound);
});

testUnix("listen() with replaces leaves a file that is no socket", async (path) => {
  await Deno.writeTextFile(path, "precious");
  const options = { adapter: "deno", replaces: true } as const;
  await assert.rejects(listen({ transport: "unix", path }, options), { code: "address_not_available" });
  assert.equal(await Deno.readTextFile(path), "precious");
  await Deno.remove(path);
});

Deno.test({
  name: "listen() binds an abstract socket by its name, without a file, once (needs Linux)",
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

/** Closes every client, including those that only check whether a program listens. */
async function closeAll(listener: Listener): Promise<void> {
  try {
    for (;;) (await listener.accept()).close();
  } catch {
    // It was closed.
  }
}

/** Like the socket file of a killed program. */
function leaveStaleSocket(path: string): void {
  const listener = Deno.listen({ transport: "unix", path: `${path}.tmp` });
  Deno.renameSync(`${path}.tmp`, path);
  listener.close();
}

/** Runs the test with a free path, in a folder of its own. */
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
