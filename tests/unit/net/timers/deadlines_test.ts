import assert from "node:assert/strict";
import { mock } from "node:test";
import { Deadlines } from "../../../../src/net/timers/deadlines.ts";
import { FakeTime } from "../../../support/fakes/fake_time.ts";

/** Never over within a test. */
const FOR_EVER = 1_000_000;

Deno.test("a deadline passes after its timeout, with the reason", async () => {
  const deadlines = new Deadlines(20, () => "too late");
  const startedAt = performance.now();
  using deadline = deadlines.start();
  await aborted(deadline.signal);
  assert.equal(deadline.signal.reason, "too late");
  // Timers of Deno may fire up to a millisecond early.
  assert.ok(performance.now() - startedAt >= 19);
});

Deno.test("deadlines that begin together are one, and live as long as one is needed", () => {
  const deadlines = new Deadlines(FOR_EVER, () => "too late");
  const first = deadlines.start();
  const second = deadlines.start();
  assert.equal(first.signal, second.signal);
  first[Symbol.dispose]();
  deadlines.abort("stop");
  assert.equal(second.signal.reason, "stop");
  using third = deadlines.start();
  assert.equal(third.signal.aborted, false, "one that has passed is not shared any more");
});

Deno.test("who joins a deadline has the whole timeout, and nobody has more than a sixteenth more", async () => {
  using time = new FakeTime();
  const deadlines = new Deadlines(1600, () => "too late");
  using first = deadlines.start();
  await time.advance(100);
  using joiner = deadlines.start();
  assert.equal(joiner.signal, first.signal);
  await time.advance(10);
  using next = deadlines.start();
  assert.notEqual(next.signal, first.signal);
  await time.advance(1580);
  assert.equal(joiner.signal.aborted, false);
  await time.advance(10);
  assert.deepEqual([joiner.signal.aborted, next.signal.aborted], [true, false]);
});

Deno.test("a deadline nobody needs any more leaves nothing behind", () => {
  const deadlines = new Deadlines(FOR_EVER, () => "too late");
  const first = deadlines.start();
  const { signal } = first;
  for (const user of [first, deadlines.start(), deadlines.start()]) user[Symbol.dispose]();
  using next = deadlines.start();
  assert.notEqual(next.signal, signal);
  deadlines.abort("stop");
  assert.deepEqual([signal.aborted, next.signal.aborted], [false, true]);
});

Deno.test("a shorter deadline is nobody else's", async () => {
  const deadlines = new Deadlines(FOR_EVER, () => "too late");
  using long = deadlines.start();
  using short = deadlines.start(5);
  using other = deadlines.start();
  assert.notEqual(short.signal, long.signal);
  assert.equal(other.signal, long.signal);
  await aborted(short.signal);
  assert.equal(long.signal.aborted, false);
});

Deno.test("an infinite timeout passes only when aborted", () => {
  const deadlines = new Deadlines(Infinity, () => "too late");
  using _time = new FakeTime();
  using deadline = deadlines.start();
  mock.timers.tick(2 ** 31);
  assert.equal(deadline.signal.aborted, false);
  deadlines.abort("stop");
  assert.equal(deadline.signal.reason, "stop");
});

Deno.test("a longer deadline than the timeout is the timeout", async () => {
  const deadlines = new Deadlines(5, () => "too late");
  using deadline = deadlines.start(FOR_EVER);
  await aborted(deadline.signal);
  assert.equal(deadline.signal.reason, "too late");
});

Deno.test("a timeout as long as a timer takes does not pass at once, for its share that is longer", async () => {
  const deadlines = new Deadlines(2 ** 31 - 1, () => "too late");
  using deadline = deadlines.start();
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(deadline.signal.aborted, false);
});

function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  if (signal.aborted) resolve();
  signal.addEventListener("abort", () => resolve(), { once: true });
  return promise;
}
