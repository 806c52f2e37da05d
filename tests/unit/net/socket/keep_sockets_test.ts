import assert from "node:assert/strict";
import { join } from "node:path";
import { keepSockets } from "../../../../src/net/socket/keep_sockets.ts";
import { listen, type Listener } from "../../../../src/net/socket/listen.ts";
import { namesIn, temporaryDirectory } from "../../../support/program/directory.ts";

Deno.test({
  name:
    "keepSockets() restores the socket of a path when the take-over fails, and not when it succeeds (needs Unix)",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using directory = await temporaryDirectory();
    const at = (name: string) => ({ transport: "unix", path: join(directory.path, name) } as const);
    const [address, untouched] = [at("a.sock"), at("b.sock")];
    const addresses = [
      address,
      untouched,
      at("none.sock"),
      { transport: "unix", path: "@abstract" } as const,
    ];
    const old = await listen(address, { adapter: "deno" });
    const other = await listen(untouched, { adapter: "deno" });
    const inode = async () => (await Deno.lstat(address.path)).ino;
    const before = await inode();
    const refused = new Error("refused");
    const taken: Listener[] = [];
    const takeOver = async () => {
      taken.push(await listen(address, { adapter: "deno", replaces: true }));
      assert.notEqual(await inode(), before);
    };
    const failing = keepSockets(addresses, async () => {
      await takeOver();
      throw refused;
    });
    await assert.rejects(failing, refused);
    assert.equal(await inode(), before);
    taken[0]!.close();
    assert.equal(await inode(), before);
    assert.deepEqual(await namesIn(directory.path), ["a.sock", "b.sock"]);
    await keepSockets(addresses, takeOver);
    old.close();
    await old.closing;
    assert.notEqual(await inode(), before);
    assert.deepEqual(await namesIn(directory.path), ["a.sock", "b.sock"]);
    taken[1]!.close();
    other.close();
    assert.deepEqual(await namesIn(directory.path), []);
  },
});
