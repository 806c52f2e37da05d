import assert from "node:assert/strict";
import { WakeUps } from "../../../src/shared/wake_ups.ts";

Deno.test("WakeUps.freed() wakes the waiters of this thread, and the other threads once", () => {
  const { wakeUps, notified } = fixture();
  const woken: string[] = [];
  using _first = wakeUps.watch(1, () => woken.push("first"));
  using _second = wakeUps.watch(1, () => woken.push("second"));
  using _other = wakeUps.watch(2, () => woken.push("other"));
  wakeUps.freed(1);
  assert.deepEqual([woken, notified], [["first", "second"], [1]]);
});

Deno.test("WakeUps.wake() wakes the waiters of this thread, and no other thread", () => {
  const { wakeUps, notified } = fixture();
  let woken = 0;
  using _watch = wakeUps.watch(1, () => void (woken += 1));
  wakeUps.wake(1);
  wakeUps.wake(2);
  assert.deepEqual([woken, notified], [1, []]);
});

Deno.test("WakeUps.wake() does not wake a waiter that has stopped waiting", () => {
  const { wakeUps, notified } = fixture();
  const woken: string[] = [];
  const gone = wakeUps.watch(1, () => woken.push("gone"));
  const stays = wakeUps.watch(1, () => woken.push("stays"));
  gone[Symbol.dispose]();
  gone[Symbol.dispose]();
  wakeUps.freed(1);
  stays[Symbol.dispose]();
  wakeUps.freed(1);
  assert.deepEqual([woken, notified], [["stays"], [1, 1]]);
});

Deno.test("WakeUps.wake() does not wake a waiter that comes during the call", () => {
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
  const notified: number[] = [];
  return { wakeUps: new WakeUps((slot) => notified.push(slot)), notified };
}
