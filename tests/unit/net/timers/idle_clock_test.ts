import assert from "node:assert/strict";
import { IdleClock } from "../../../../src/net/timers/timeouts.ts";
import { FakeTime } from "../../../support/fakes/fake_time.ts";
import { NotedTimers } from "../../../support/fakes/noted_timers.ts";

/** A connection as the clock sees it. */
class Watched {
  activity = 0;
  isHalfClosed = false;
  /** The time at which it expired; undefined before. */
  expiredAt: number | undefined;

  expire(): void {
    this.expiredAt ??= performance.now();
  }
}

Deno.test("IdleClock expires a connection between one and 1.25 timeouts after its last byte, whenever that came", async () => {
  using time = new FakeTime();
  const clock = new IdleClock(800, 0);
  for (let silent = 0; silent <= 200; silent += 10) {
    const watched = new Watched();
    using _watch = clock.watch(watched);
    for (let byte = 0; byte < 3; byte++) {
      await time.advance(700);
      watched.activity += 1;
    }
    await time.advance(silent);
    watched.activity += 1;
    const last = performance.now();
    await time.advance(790);
    assert.equal(watched.expiredAt, undefined);
    await time.advance(210);
    const after = watched.expiredAt! - last;
    // No timer is late here: the difference is the time until the check that saw the last byte.
    assert.ok(after >= 800 && after <= 900, `${after} ms`);
  }
});

Deno.test("IdleClock starts over after a half-close, with the timeout for that", async () => {
  using time = new FakeTime();
  const clock = new IdleClock(800, 400);
  const watched = new Watched();
  using _watch = clock.watch(watched);
  await time.advance(700);
  watched.isHalfClosed = true;
  await time.advance(390);
  assert.equal(watched.expiredAt, undefined);
  await time.advance(110);
  assert.ok(watched.expiredAt! >= 1100, `${watched.expiredAt} ms`);

  const longer = new IdleClock(800, 1600);
  const patient = new Watched();
  using _longer = longer.watch(patient);
  await time.advance(700);
  patient.isHalfClosed = true;
  const since = performance.now();
  await time.advance(1590);
  assert.equal(patient.expiredAt, undefined);
  await time.advance(410);
  assert.ok(patient.expiredAt! - since <= 2000);
});

Deno.test("IdleClock uses the idle timeout for half-closed connections without their own", async () => {
  using time = new FakeTime();
  const clock = new IdleClock(800, 0);
  const watched = new Watched();
  using _watch = clock.watch(watched);
  watched.isHalfClosed = true;
  await time.advance(790);
  assert.equal(watched.expiredAt, undefined);
  await time.advance(210);
  assert.ok(watched.expiredAt !== undefined);
});

Deno.test("IdleClock works with either timeout alone, and expires nothing without both", async () => {
  using time = new FakeTime();
  const [onlyHalfClosed, never] = [new Watched(), new Watched()];
  using _first = new IdleClock(0, 400).watch(onlyHalfClosed);
  using _second = new IdleClock(0, 0).watch(never);
  await time.advance(5000);
  assert.equal(onlyHalfClosed.expiredAt, undefined);
  onlyHalfClosed.isHalfClosed = never.isHalfClosed = true;
  await time.advance(5000);
  assert.ok(onlyHalfClosed.expiredAt! <= 5500);
  assert.equal(never.expiredAt, undefined);
});

Deno.test("IdleClock expires no connection that it does not watch any more", async () => {
  using time = new FakeTime();
  const clock = new IdleClock(80, 0);
  const [gone, stays] = [new Watched(), new Watched()];
  const watch = clock.watch(gone);
  using _stays = clock.watch(stays);
  await time.advance(50);
  watch[Symbol.dispose]();
  await time.advance(100);
  assert.deepEqual([gone.expiredAt, stays.expiredAt !== undefined], [undefined, true]);
});

Deno.test("IdleClock.rest() leaves no timer behind, unless something is watched", async () => {
  const clock = new IdleClock(60_000, 0);
  clock.watch(new Watched())[Symbol.dispose]();
  clock.rest();
  using time = new FakeTime();
  const used = new IdleClock(80, 0);
  const watched = new Watched();
  using _watch = used.watch(watched);
  used.rest();
  await time.advance(100);
  assert.ok(watched.expiredAt !== undefined);
});

Deno.test("IdleClock checks eight times in the shorter timeout, from every 5 ms to every 5 s", () => {
  const cases: [idleTimeout: number, halfCloseTimeout: number, looks: number[]][] = [
    [800, 0, [100]],
    [8000, 800, [100]],
    [800, 8000, [100]],
    [0, 800, [100]],
    [48, 0, [6]],
    [16, 0, [5]],
    [40_000, 0, [5000]],
    [80_000, 0, [5000]],
    [0, 0, []],
  ];
  for (const [idleTimeout, halfCloseTimeout, looks] of cases) {
    using timers = new NotedTimers();
    using _watch = new IdleClock(idleTimeout, halfCloseTimeout).watch(new Watched());
    assert.deepEqual(timers.delays, looks, `${idleTimeout} ${halfCloseTimeout}`);
  }
});
