import assert from "node:assert/strict";
import { Ticker } from "../../../../src/net/timers/ticker.ts";
import { FakeTime } from "../../../support/fakes/fake_time.ts";
import { NotedTimers } from "../../../support/fakes/noted_timers.ts";

Deno.test("Ticker ticks at its interval until a tick finds nothing left, and starts again", async () => {
  using time = new FakeTime();
  const ticks: number[] = [];
  let left = 3;
  const ticker = new Ticker(800, 8, (now) => {
    ticks.push(now);
    return --left > 0;
  });
  ticker.start();
  assert.equal(ticker.isTicking, true);
  await time.advance(1000);
  assert.deepEqual(ticks, [100, 200, 300]);
  assert.equal(ticker.isTicking, false);
  ticker.start();
  ticker.start();
  await time.advance(1000);
  assert.deepEqual(ticks, [100, 200, 300, 1100]);
});

Deno.test("Ticker.start() arms one timer, however often it is called, and none within a tick that goes on", () => {
  const fires: (() => void)[] = [];
  using timers = new NotedTimers((fire) => fires.push(fire));
  const ticker: Ticker = new Ticker(800, 8, () => {
    ticker.start();
    return true;
  });
  ticker.start();
  ticker.start();
  assert.deepEqual(timers.delays, [100]);
  fires.shift()!();
  assert.deepEqual(timers.delays, [100, 100]);
});

Deno.test("Ticker.stop() leaves no timer behind", () => {
  const ticker = new Ticker(60_000, 8, () => assert.fail("it was stopped"));
  ticker.stop();
  ticker.start();
  ticker.stop();
  assert.equal(ticker.isTicking, false);
});

Deno.test("Ticker ticks at least every 5 s or every `longest`, at most every 5 ms, and never if infinite", () => {
  const cases: [timeout: number, longest: number | undefined, delays: number[]][] = [
    [48, undefined, [6]],
    [16, undefined, [5]],
    [40_000, undefined, [5000]],
    [80_000, undefined, [5000]],
    [8000, 1000, [1000]],
    [16_000, 1000, [1000]],
    [Infinity, undefined, []],
    [Infinity, 1000, []],
  ];
  for (const [timeout, longest, delays] of cases) {
    using timers = new NotedTimers();
    const ticker = new Ticker(timeout, 8, () => false, longest);
    ticker.start();
    assert.deepEqual(timers.delays, delays, `${timeout} ${longest}`);
    assert.equal(ticker.isTicking, delays.length > 0, `${timeout} ${longest}`);
  }
});
