import assert from "node:assert/strict";
import { LifetimeClock } from "../../../../src/net/timers/timeouts.ts";
import { FakeTime } from "../../../support/fakes/fake_time.ts";

Deno.test("LifetimeClock expires connections in the order they began, each after one to 1.0625 lifetimes", async () => {
  using time = new FakeTime();
  const clock = new LifetimeClock(1600);
  const expired: [number, at: number][] = [];
  clock.watch(() => void expired.push([1, performance.now()]));
  await time.advance(30);
  clock.watch(() => void expired.push([2, performance.now()]));
  await time.advance(60);
  clock.watch(() => void expired.push([3, performance.now()]));
  await time.advance(20);
  clock.watch(() => void expired.push([4, performance.now()]));
  await time.advance(5000);
  assert.deepEqual(expired, [[1, 1600], [2, 1700], [3, 1700], [4, 1800]]);
});

Deno.test("LifetimeClock works in real time", async () => {
  const clock = new LifetimeClock(20);
  const startedAt = performance.now();
  await new Promise<void>((resolve) => clock.watch(resolve));
  assert.ok(performance.now() - startedAt >= 19);
});

Deno.test("LifetimeClock does not expire what has ended", async () => {
  using time = new FakeTime();
  const clock = new LifetimeClock(100);
  const ended = clock.watch(() => assert.fail("it has ended"));
  let isOver = false;
  using _next = clock.watch(() => isOver = true);
  ended[Symbol.dispose]();
  await time.advance(200);
  assert.equal(isOver, true);
});

Deno.test("LifetimeClock.rest() leaves no timer behind, unless something is watched", async () => {
  const clock = new LifetimeClock(60_000);
  clock.watch(() => assert.fail("it has ended"))[Symbol.dispose]();
  clock.rest();
  using time = new FakeTime();
  const used = new LifetimeClock(100);
  let isOver = false;
  used.watch(() => isOver = true);
  used.rest();
  await time.advance(200);
  assert.equal(isOver, true);
});

Deno.test("LifetimeClock does not expire a lifetime longer than a timer takes at once", async () => {
  using time = new FakeTime();
  const clock = new LifetimeClock(2 ** 40);
  using _watch = clock.watch(() => assert.fail("far too early"));
  await time.advance(60_000);
});
