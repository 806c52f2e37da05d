import assert from "node:assert/strict";
import { WakeUps } from "../../../src/shared/wake_ups.ts";

Deno.test("a place that was left here wakes those who wait for it here, and other threads are told once", () => {
  const { wakeUps, told } = fixture();
  const woken: string[] = [];
  using _first = wakeUps.watch(1, () => woken.push("first"));
  using _second = wakeUps.watch(1, () => woken.push("second"));
  using _other = wakeUps.watch(2, () => woken.push("other"));
  wakeUps.freed(1);
  assert.deepEqual([woken, told], [["first", "second"], [1]]);
});

Deno.test("a place that was left in another thread wakes those who wait here, and nobody is told again", () => {
  const { wakeUps, told } = fixture();
  let woken = 0;
  using _watch = wakeUps.watch(1, () => void (woken += 1));
  wakeUps.wake(1);
  wakeUps.wake(2);
  assert.deepEqual([woken, told], [1, []]);
});

Deno.test("who has stopped waiting is not woken, and others still are", () => {
  const { wakeUps, told } = fixture();
  const woken: string[] = [];
  const gone = wakeUps.watch(1, () => woken.push("gone"));
  const stays = wakeUps.watch(1, () => woken.push("stays"));
  gone[Symbol.dispose]();
  gone[Symbol.dispose]();
  wakeUps.freed(1);
  stays[Symbol.dispose]();
  wakeUps.freed(1);
  assert.deepEqual([woken, told], [["stays"], [1, 1]]);
});

Deno.test("who begins to wait while others are woken is not woken by the same word", () => {
  const { wakeUps } = fixture();
  const watches = new DisposableStack();
  let woken = 0;
  const watch = (): void => {
    watches.use(wakeUps.watch(1, () => {
      woken += 1;
      watch();
    }));
  };
  watch();
  wakeUps.wake(1);
  assert.equal(woken, 1);
  wakeUps.wake(1);
  assert.equal(woken, 3);
  watches.dispose();
  wakeUps.wake(1);
  assert.equal(woken, 3);
});

function fixture() {
  const told: number[] = [];
  return { wakeUps: new WakeUps((slot) => told.push(slot)), told };
}
