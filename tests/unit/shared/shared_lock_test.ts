import assert from "node:assert/strict";
import { SharedLock } from "../../../src/shared/shared_lock.ts";
import type { Result, Task } from "./shared_lock_worker.ts";
import { inThreads } from "../../support/threads.ts";

const MAX_WAITS = 20;
const WORKER = new URL("./shared_lock_worker.ts", import.meta.url);

Deno.test("SharedLock.acquire() returns at once after release()", () => {
  const words = memory(3);
  const lock = new SharedLock(words, 1);
  const holdings = Array.from({ length: 5 }, () => {
    const holding = lock.acquire();
    lock.release(holding);
    return holding;
  });
  assert.equal(new Set(holdings).size, 5);
  assert.deepEqual([words[0], words[2]], [0, 0]);
});

Deno.test("SharedLock works when its count wraps around", () => {
  const words = memory(1);
  words[0] = 2 ** 31 - 2;
  const lock = new SharedLock(words, 0, MAX_WAITS);
  for (let round = 0; round < 3; round++) lock.release(lock.acquire());
  assert.equal(words[0], -(2 ** 31) + 4);

  words[0] = 2 ** 31 - 2;
  lock.acquire();
  lock.release(lock.acquire());
  assert.equal(words[0], -(2 ** 31) + 2);

  words[0] = -2;
  lock.release(lock.acquire());
  assert.equal(words[0], 0);
});

Deno.test("SharedLock.acquire() takes the lock over from a dead holder after its waits", () => {
  const words = memory(1);
  const dead = new SharedLock(words, 0).acquire();
  const lock = new SharedLock(words, 0, MAX_WAITS);
  const since = performance.now();
  const holding = lock.acquire();
  assert.ok(performance.now() - since >= MAX_WAITS);
  assert.notEqual(holding, dead);
  lock.release(holding);
});

Deno.test("SharedLock.release() changes nothing after the lock was taken over", () => {
  const words = memory(1);
  const slow = new SharedLock(words, 0);
  const other = new SharedLock(words, 0, MAX_WAITS);
  const lost = slow.acquire();
  const holding = other.acquire();
  slow.release(lost);
  assert.equal(words[0], holding);
  other.release(holding);
  assert.equal(words[0]! & 1, 0);
});

Deno.test("SharedLock: two threads never hold it at once", async () => {
  const words = memory(3);
  const task: Task = { shared: words.buffer, maxWaits: 1000, hold: 0, rounds: 50_000 };
  const holdings = (await inThreads<Task, Result>(2, WORKER, task)).flat();
  assert.deepEqual([...words], [2 * holdings.length, holdings.length, 0]);
  assert.equal(new Set(holdings).size, 2 * task.rounds);
});

Deno.test("SharedLock.acquire() does not take over a lock that changes hands, however long it waits", async () => {
  const words = memory(3);
  const task: Task = { shared: words.buffer, maxWaits: 150, hold: 10, rounds: 30 };
  await inThreads<Task, Result>(2, WORKER, task);
  assert.equal(words[1], 2 * task.rounds);
});

function memory(words: number): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(words * Int32Array.BYTES_PER_ELEMENT));
}
