import assert from "node:assert/strict";
import { Deadlines } from "../../../../src/net/timers/timeouts.ts";
import { FakeTime } from "../../../support/fakes/fake_time.ts";

/** Longer than any test. */
const FOR_EVER = 1_000_000;

Deno.test("Deadlines pass after their timeout, with the reason", async () => {
  const deadlines = new Deadlines(20, () => "too late");
  const startedAt = performance.now();
  using deadline = deadlines.start();
  await aborted(deadline.signal);
  assert.equal(deadline.signal.reason, "too late");
  // Timers of Deno may fire up to a millisecond early.
  assert.ok(performance.now() - startedAt >= 19);
});

Deno.test("Deadlines that begin together are one, which lives while one is needed", () => {
  const deadlines = new Deadlines(FOR_EVER, () => "too late");
  const first = deadlines.start();
  const second = deadlines.start();
  assert.equal(first.signal, second.signal);
  first[Symbol.dispose]();
  deadlines.abort("stop");
  assert.equal(second.signal.reason, "stop");
  {
    using third = deadlines.start();
    assert.equal(third.signal.aborted, false, "one that has passed is not shared any more");
  }
  deadlines.rest();
});

Deno.test("Deadlines join until the next tick, and each has its timeout and at most a sixteenth more", async () => {
  using time = new FakeTime();
  const deadlines = new Deadlines(3200, () => "too late");
  using first = deadlines.start();
  await time.advance(90);
  using joiner = deadlines.start();
  assert.equal(joiner.signal, first.signal);
  await time.advance(10);
  using next = deadlines.start();
  assert.notEqual(next.signal, first.signal);
  await time.advance(3190);
  assert.equal(joiner.signal.aborted, false);
  await time.advance(10);
  assert.deepEqual([joiner.signal.aborted, next.signal.aborted], [true, false]);
  await time.advance(100);
  assert.equal(next.signal.aborted, true);
});

Deno.test("Deadlines that join late, because a tick is late, have their whole timeout", async () => {
  using time = new FakeTime();
  const deadlines = new Deadlines(3200, () => "too late");
  using first = deadlines.start();
  time.stall(1000);
  using joiner = deadlines.start();
  assert.equal(joiner.signal, first.signal);
  await time.advance(3190);
  assert.equal(joiner.signal.aborted, false);
  await time.advance(110);
  assert.equal(joiner.signal.aborted, true);
});

Deno.test("Deadlines that are unused serve the next that begins before the tick, and do not pass", async () => {
  using time = new FakeTime();
  const deadlines = new Deadlines(3200, () => "too late");
  const first = deadlines.start();
  const { signal } = first;
  for (const user of [first, deadlines.start(), deadlines.start()]) user[Symbol.dispose]();
  const again = deadlines.start();
  assert.equal(again.signal, signal);
  again[Symbol.dispose]();
  await time.advance(100);
  using next = deadlines.start();
  assert.notEqual(next.signal, signal);
  deadlines.abort("stop");
  await time.advance(4000);
  assert.deepEqual([signal.aborted, next.signal.aborted, next.signal.reason], [false, true, "stop"]);
});

Deno.test("Deadlines join for a 32nd of the timeout", async () => {
  using time = new FakeTime();
  const deadlines = new Deadlines(32_000, () => "too late");
  using first = deadlines.start();
  await time.advance(990);
  using joiner = deadlines.start();
  assert.equal(joiner.signal, first.signal);
  await time.advance(10);
  using next = deadlines.start();
  assert.notEqual(next.signal, first.signal);
});

Deno.test("Deadlines that were unused for a moment pass for the next that joins", async () => {
  using time = new FakeTime();
  const deadlines = new Deadlines(3200, () => "too late");
  deadlines.start()[Symbol.dispose]();
  using joiner = deadlines.start();
  await time.advance(3300);
  assert.equal(joiner.signal.reason, "too late");
});

Deno.test("Deadlines forget one after its tick when its last user has ended", async () => {
  using time = new FakeTime();
  const deadlines = new Deadlines(3200, () => "too late");
  const first = deadlines.start();
  const second = deadlines.start();
  const { signal } = first;
  await time.advance(100);
  first[Symbol.dispose]();
  second[Symbol.dispose]();
  deadlines.abort("stop");
  assert.equal(signal.aborted, false);
});

Deno.test("Deadlines.rest() leaves no timer behind, unless a deadline is in use", async () => {
  const deadlines = new Deadlines(FOR_EVER, () => "too late");
  deadlines.start()[Symbol.dispose]();
  deadlines.rest();
  using time = new FakeTime();
  const used = new Deadlines(3200, () => "too late");
  using deadline = used.start();
  used.rest();
  await time.advance(3300);
  assert.equal(deadline.signal.aborted, true);
});

Deno.test("Deadlines share a shorter one with no other, and end it at the first tick after it", async () => {
  using time = new FakeTime();
  const deadlines = new Deadlines(3200, () => "too late");
  using long = deadlines.start();
  using short = deadlines.start(150);
  using ended = deadlines.start(150);
  using other = deadlines.start();
  assert.notEqual(short.signal, long.signal);
  assert.equal(other.signal, long.signal);
  ended[Symbol.dispose]();
  await time.advance(140);
  assert.equal(short.signal.aborted, false);
  await time.advance(60);
  assert.deepEqual([short.signal.aborted, ended.signal.aborted, long.signal.aborted], [true, false, false]);
});

Deno.test("Deadlines with an infinite timeout pass only when aborted", async () => {
  using time = new FakeTime();
  const deadlines = new Deadlines(Infinity, () => "too late");
  using deadline = deadlines.start();
  await time.advance(60_000);
  assert.equal(deadline.signal.aborted, false);
  deadlines.abort("stop");
  assert.equal(deadline.signal.reason, "stop");
});

Deno.test("Deadlines limit a longer one to the timeout", async () => {
  const deadlines = new Deadlines(5, () => "too late");
  using deadline = deadlines.start(FOR_EVER);
  await aborted(deadline.signal);
  assert.equal(deadline.signal.reason, "too late");
});

Deno.test("Deadlines with a timeout longer than a timer takes do not pass at once", async () => {
  using time = new FakeTime();
  const deadlines = new Deadlines(2 ** 40, () => "too late");
  using deadline = deadlines.start();
  await time.advance(60_000);
  assert.equal(deadline.signal.aborted, false);
});

function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (signal.aborted) resolve();
  signal.addEventListener("abort", () => resolve(), { once: true });
  return promise;
}
