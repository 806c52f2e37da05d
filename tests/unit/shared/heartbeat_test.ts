import assert from "node:assert/strict";
import { Heartbeat, HEARTBEAT_INTERVAL, Heartbeats } from "../../../src/shared/heartbeat.ts";

Deno.test("Heartbeats.check() counts the checks without a heartbeat, by thread", () => {
  using timers = fakeIntervals();
  const heartbeats = new Heartbeats(2);
  using _here = new Heartbeat(heartbeats.memory, 0);
  const stopped = new Heartbeat(heartbeats.memory, 1);
  assert.deepEqual([heartbeats.check(0), heartbeats.check(1)], [0, 0]);
  stopped[Symbol.dispose]();
  for (let check = 1; check <= 5; check++) {
    timers.pass(HEARTBEAT_INTERVAL);
    assert.deepEqual([heartbeats.check(0), heartbeats.check(1)], [0, check]);
  }
});

Deno.test("Heartbeats.check() counts checks and not time, and starts over at a heartbeat", () => {
  using timers = fakeIntervals();
  const heartbeats = new Heartbeats(1);
  assert.deepEqual([1, 2, 3].map(() => heartbeats.check(0)), [1, 2, 3]);
  using _alive = new Heartbeat(heartbeats.memory, 0);
  assert.equal(heartbeats.check(0), 0);
  // A suspended process: its clock runs on, its timers do not.
  timers.skip(3_600_000);
  assert.equal(heartbeats.check(0), 1);
  timers.pass(HEARTBEAT_INTERVAL);
  assert.equal(heartbeats.check(0), 0);
});

Deno.test("Heartbeats.reset() starts over for one thread", () => {
  const heartbeats = new Heartbeats(2);
  for (let check = 1; check <= 3; check++) assert.equal(heartbeats.check(1), check);
  heartbeats.reset(1);
  assert.equal(heartbeats.check(1), 1);
  assert.equal(heartbeats.check(0), 1);
});

Deno.test("Heartbeats.check() works when the count wraps around", () => {
  using timers = fakeIntervals();
  const heartbeats = new Heartbeats(1);
  new Int32Array(heartbeats.memory)[0] = 2 ** 31 - 2;
  heartbeats.reset(0);
  using _alive = new Heartbeat(heartbeats.memory, 0);
  assert.equal(heartbeats.check(0), 0);
  timers.pass(HEARTBEAT_INTERVAL);
  assert.equal(heartbeats.check(0), 0);
  assert.equal(new Int32Array(heartbeats.memory)[0], -(2 ** 31));
});

Deno.test("Heartbeat does not keep the process alive, and stops its timer once disposed of", () => {
  using timers = fakeIntervals();
  const heartbeat = new Heartbeat(new Heartbeats(1).memory, 0);
  assert.deepEqual([timers.running, timers.holding], [1, 0]);
  heartbeat[Symbol.dispose]();
  assert.equal(timers.running, 0);
});

Deno.test("Heartbeats.check() sees the heartbeats of another thread, until the thread ends", async () => {
  const heartbeats = new Heartbeats(2);
  const worker = new Worker(new URL("./heartbeat_worker.ts", import.meta.url), { type: "module" });
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  worker.onmessage = resolve;
  worker.onerror = (event) => (event.preventDefault(), reject(new Error(event.message)));
  worker.postMessage({ memory: heartbeats.memory, thread: 1 });
  await promise;
  worker.terminate();
  assert.deepEqual([heartbeats.check(1), heartbeats.check(1), heartbeats.check(0)], [0, 1, 1]);
  // One at its start, and at least one of its timer.
  assert.ok(new Int32Array(heartbeats.memory)[1]! >= 2);
});

/** Intervals under the test's control. */
function fakeIntervals() {
  const { setInterval, clearInterval } = globalThis;
  interface Timer {
    readonly run: () => void;
    readonly every: number;
    due: number;
    holds: boolean;
    unref(): void;
  }
  const timers = new Set<Timer>();
  let now = 0;
  const set = (run: () => void, every: number): Timer => {
    const timer = { run, every, due: now + every, holds: true, unref: () => void (timer.holds = false) };
    timers.add(timer);
    return timer;
  };
  Object.assign(globalThis, { setInterval: set, clearInterval: (timer: Timer) => void timers.delete(timer) });
  return {
    get running() {
      return timers.size;
    },
    get holding() {
      return [...timers].filter(({ holds }) => holds).length;
    },
    pass(ms: number) {
      now += ms;
      for (const timer of timers) {
        for (; timer.due <= now; timer.due += timer.every) timer.run();
      }
    },
    skip(ms: number) {
      now += ms;
      for (const timer of timers) timer.due = now + timer.every;
    },
    [Symbol.dispose]: () => void Object.assign(globalThis, { setInterval, clearInterval }),
  };
}
