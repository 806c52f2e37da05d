import assert from "node:assert/strict";
import { SharedLock } from "../../../src/shared/shared_lock.ts";
import type { Result, Task } from "./shared_lock_worker.ts";
import { inThreads } from "../../support/threads.ts";

const PATIENCE = 20;
const WORKER = new URL("./shared_lock_worker.ts", import.meta.url);

Deno.test("a lock is had again once it was given back", () => {
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

Deno.test("the count of holdings may pass the largest number", () => {
  const words = memory(1);
  words[0] = 2 ** 31 - 2;
  const lock = new SharedLock(words, 0, PATIENCE);
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

Deno.test("a lock whose holder is dead is taken over, after some patience", () => {
  const words = memory(1);
  const dead = new SharedLock(words, 0).acquire();
  const lock = new SharedLock(words, 0, PATIENCE);
  const since = performance.now();
  const holding = lock.acquire();
  assert.ok(performance.now() - since >= PATIENCE);
  assert.notEqual(holding, dead);
  lock.release(holding);
});

Deno.test("who was taken for dead cannot give back what another holds", () => {
  const words = memory(1);
  const slow = new SharedLock(words, 0);
  const patient = new SharedLock(words, 0, PATIENCE);
  const lost = slow.acquire();
  const holding = patient.acquire();
  slow.release(lost);
  assert.equal(words[0], holding);
  patient.release(holding);
  assert.equal(words[0]! & 1, 0);
});

Deno.test("two threads never hold a lock at once", async () => {
  const words = memory(3);
  const task: Task = { shared: words.buffer, patience: 1000, hold: 0, rounds: 50_000 };
  const holdings = (await inThreads<Task, Result>(2, WORKER, task)).flat();
  assert.deepEqual([...words], [2 * holdings.length, holdings.length, 0]);
  assert.equal(new Set(holdings).size, 2 * task.rounds);
});

Deno.test("a lock that is busy for longer than its patience is not taken over", async () => {
  const words = memory(3);
  const task: Task = { shared: words.buffer, patience: 150, hold: 10, rounds: 30 };
  await inThreads<Task, Result>(2, WORKER, task);
  assert.equal(words[1], 2 * task.rounds);
});

function memory(words: number): Int32Array<SharedArrayBuffer> {
  return new Int32Array(new SharedArrayBuffer(words * Int32Array.BYTES_PER_ELEMENT));
}
