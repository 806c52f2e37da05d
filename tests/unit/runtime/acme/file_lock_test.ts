import assert from "node:assert/strict";
import { join } from "node:path";
import { FileLock, STALE_AFTER } from "../../../../src/runtime/acme/file_lock.ts";

async function inFolder(fn: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await fn(join(folder, "a.lock"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("FileLock.take() lets one in, and the next after it has been released", async () => {
  await inFolder(async (path) => {
    const [one, other] = ["one", "other"].map((owner) => new FileLock({ path, owner, now: () => 0 }));
    const held = await one!.take();
    assert.ok(held);
    assert.equal(await other!.take(), undefined);
    assert.equal(other!.holder, "one");
    assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
    await held[Symbol.asyncDispose]();
    await assert.rejects(Deno.stat(path), Deno.errors.NotFound);
    const second = await other!.take();
    assert.ok(second);
    await second[Symbol.asyncDispose]();
  });
});

Deno.test("FileLock.take() takes away a lock that has not changed for long by the waiter's clock", async () => {
  await inFolder(async (path) => {
    let now = 0;
    const waiter = new FileLock({ path, owner: "waiter", now: () => now });
    await Deno.writeTextFile(path, '{"owner":"dead","id":"1","at":"2001-01-01T00:00:00Z"}');
    assert.equal(await waiter.take(), undefined);
    now += STALE_AFTER - 1;
    assert.equal(await waiter.take(), undefined);
    // Its owner renews it after all.
    await Deno.writeTextFile(path, '{"owner":"dead","id":"1","at":"2001-01-01T00:00:05Z"}');
    now += 1;
    assert.equal(await waiter.take(), undefined);
    now += STALE_AFTER;
    assert.equal(await waiter.take(), undefined);
    const held = await waiter.take();
    assert.ok(held);
    await held[Symbol.asyncDispose]();
  });
});

Deno.test("HeldLock leaves the lock of another process alone when it is released", async () => {
  await inFolder(async (path) => {
    const held = await new FileLock({ path, owner: "slow", now: () => 0 }).take();
    await Deno.writeTextFile(path, '{"owner":"other","id":"2"}');
    await held![Symbol.asyncDispose]();
    assert.match(await Deno.readTextFile(path), /other/);
  });
});
