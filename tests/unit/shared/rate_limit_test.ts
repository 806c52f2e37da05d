import assert from "node:assert/strict";
import fc from "fast-check";
import { RateLimit } from "../../../src/shared/rate_limit.ts";
import type { Result, Task } from "./rate_limit_worker.ts";
import { inThreads } from "../../support/threads.ts";

const START = Date.UTC(2030, 0, 1);
const HOUR = 3_600_000;

Deno.test("RateLimit.take() allows a burst at once, and then one at a time at the rate", () => {
  const clock = { now: START };
  const limit = limitOf(4, 3, clock);
  assert.equal(takeAll(limit), 3);
  for (let round = 0; round < 10; round++) {
    clock.now += 249;
    assert.equal(limit.take(), false);
    clock.now += 1;
    assert.deepEqual([limit.take(), limit.take()], [true, false]);
  }
});

Deno.test("RateLimit.take() works at a fractional rate", () => {
  const clock = { now: START };
  const slow = limitOf(0.25, 1, clock);
  const uneven = limitOf(2.5, 1, clock);
  assert.deepEqual([slow.take(), uneven.take()], [true, true]);
  clock.now += 399;
  assert.equal(uneven.take(), false);
  clock.now += 1;
  assert.equal(uneven.take(), true);
  clock.now += 3599;
  assert.equal(slow.take(), false);
  clock.now += 1;
  assert.deepEqual([slow.take(), slow.take()], [true, false]);
});

Deno.test("RateLimit.take() allows at most one burst after a pause", () => {
  const clock = { now: START };
  const limit = limitOf(10, 5, clock);
  takeAll(limit);
  clock.now += 300;
  assert.equal(takeAll(limit), 3);
  clock.now += HOUR;
  assert.equal(takeAll(limit), 5);
});

Deno.test("RateLimit.take() spends nothing when it refuses", () => {
  const clock = { now: START };
  const limit = limitOf(10, 1, clock);
  limit.take();
  for (let tries = 0; tries < 1000; tries++) assert.equal(limit.take(), false);
  clock.now += 100;
  assert.equal(limit.take(), true);
});

Deno.test("RateLimit.take() allows what a token bucket would (property)", () => {
  const steps = fc.array(fc.record({ pause: fc.nat(400), tries: fc.nat(8) }), { maxLength: 60 });
  const limits = fc.record({
    rate: fc.integer({ min: 1, max: 4000 }),
    burst: fc.integer({ min: 1, max: 12 }),
  });
  fc.assert(fc.property(limits, fc.nat(10 ** 12), steps, ({ rate, burst }, since, steps) => {
    const clock = { now: START + since };
    const limit = limitOf(rate, burst, clock);
    // In thousandths of a token, which are whole numbers.
    let tokens = burst * 1000;
    for (const { pause, tries } of steps) {
      clock.now += pause;
      tokens = Math.min(tokens + pause * rate, burst * 1000);
      for (let tried = 0; tried < tries; tried++) {
        const isThere = tokens >= 1000;
        assert.equal(limit.take(), isThere);
        if (isThere) tokens -= 1000;
      }
    }
  }));
});

Deno.test("RateLimit.take() keeps the average at the rate for any length of time", () => {
  const uneven = fc.double({ min: 0.001, max: 5000, noNaN: true });
  fc.assert(fc.property(uneven, fc.integer({ min: 10, max: 100 }), (rate, burst) => {
    const clock = { now: START };
    const limit = limitOf(rate, burst, clock);
    let taken = takeAll(limit);
    // Short enough that the bucket is never full.
    const pause = Math.max(1, Math.floor(burst / rate * 500));
    for (let round = 0; round < 200; round++) {
      clock.now += pause;
      taken += takeAll(limit);
    }
    const most = burst + (clock.now - START) * rate / 1000;
    assert.ok(taken <= most + 1e-3 && taken > most - 1 - 1e-3, `${taken} of ${most}`);
  }));
});

Deno.test("RateLimit.take() is exact at the highest rate", () => {
  const clock = { now: START };
  const limit = limitOf(1_000_000, 2000, clock);
  let taken = 0;
  for (; clock.now < START + 1000; clock.now++) taken += takeAll(limit);
  assert.ok(Math.abs(taken - (2000 + 999 * 1000)) <= 1, `${taken}`);
});

Deno.test("RateLimit.take() delays by one space at most when the clock is set back", () => {
  const clock = { now: START };
  const limit = limitOf(2, 4, clock);
  assert.equal(takeAll(limit), 4);
  clock.now -= HOUR;
  assert.equal(limit.take(), false);
  clock.now += 500;
  assert.deepEqual([limit.take(), limit.take()], [true, false]);
  clock.now -= 1;
  assert.equal(limit.take(), false);
  clock.now += 501;
  assert.deepEqual([limit.take(), limit.take()], [true, false]);
});

Deno.test("RateLimit.take() allows one burst when the clock is set forward", () => {
  const clock = { now: START };
  const limit = limitOf(2, 4, clock);
  takeAll(limit);
  clock.now += 1000 * HOUR;
  assert.equal(takeAll(limit), 4);
});

Deno.test("RateLimit is one limit for all that share its memory", () => {
  const clock = { now: START };
  const limit = limitOf(1, 2, clock);
  const other = limitOf(1, 2, clock, limit.buffer);
  assert.deepEqual([limit.take(), other.take(), limit.take(), other.take()], [true, true, false, false]);
});

Deno.test("RateLimit uses the system's clock by default", () => {
  const limit = new RateLimit(undefined, { rate: 1e-6, burst: 2 });
  assert.equal(takeAll(limit), 2);
  const later = limitOf(1e-6, 2, { now: Date.now() + 1e9 }, limit.buffer);
  assert.equal(takeAll(later), 1);
});

Deno.test("RateLimit: two threads together get exactly what one would", async () => {
  const rate = { rate: 20_000, burst: 50_000 };
  const shared = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  const clock = new Int32Array(shared);
  const limit = new RateLimit(undefined, rate, () => Atomics.load(clock, 0));
  const task: Task = { limit: limit.buffer, rate, clock: shared, refusals: 2000 };
  const taken = await inThreads<Task, Result>(2, new URL("./rate_limit_worker.ts", import.meta.url), task);
  assert.equal(clock[0], 2 * task.refusals);
  const rest = takeAll(limit);
  assert.equal(taken[0]! + taken[1]! + rest, rate.burst + clock[0]! * rate.rate / 1000);
  assert.ok(taken.every((count) => count > 0));
});

function limitOf(rate: number, burst: number, clock: { now: number }, memory?: SharedArrayBuffer): RateLimit {
  return new RateLimit(memory, { rate, burst }, () => clock.now);
}

/** The number available now. */
function takeAll(limit: RateLimit): number {
  for (let taken = 0;; taken++) if (!limit.take()) return taken;
}
