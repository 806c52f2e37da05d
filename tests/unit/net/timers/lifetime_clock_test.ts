import assert from "node:assert/strict";
import { LifetimeClock } from "../../../../src/net/timers/lifetime_clock.ts";

Deno.test("connections expire in the order they began, each after its lifetime", async () => {
  const clock = new LifetimeClock(20);
  const expired: number[] = [];
  const startedAt = performance.now();
  const { promise, resolve } = Promise.withResolvers<void>();
  clock.watch(() => void expired.push(1));
  clock.watch(() => {
    expired.push(2);
    resolve();
  });
  await promise;
  assert.deepEqual(expired, [1, 2]);
  assert.ok(performance.now() - startedAt >= 19);
});

Deno.test("who has ended does not expire, and the clock rests when nobody is left", async () => {
  const clock = new LifetimeClock(10);
  const ended = clock.watch(() => assert.fail("it has ended"));
  const { promise, resolve } = Promise.withResolvers<void>();
  using _next = clock.watch(resolve);
  ended[Symbol.dispose]();
  await promise;
  using _last = clock.watch(() => assert.fail("the test is over"));
});

Deno.test("a lifetime longer than a timer takes does not expire at once", () => {
  const clock = new LifetimeClock(2 ** 40);
  using _watch = clock.watch(() => assert.fail("far too early"));
});
