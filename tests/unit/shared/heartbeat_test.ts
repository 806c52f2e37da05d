import assert from "node:assert/strict";
import { Heartbeat, SIGN_INTERVAL, SignsOfLife } from "../../../src/shared/heartbeat.ts";

Deno.test("a thread that takes turns shows signs, one that does not is missed more with every look", () => {
  using timers = fakeIntervals();
  const signs = new SignsOfLife(2);
  using _here = new Heartbeat(signs.memory, 0);
  const standing = new Heartbeat(signs.memory, 1);
  assert.deepEqual([signs.look(0), signs.look(1)], [0, 0]);
  standing[Symbol.dispose]();
  for (let look = 1; look <= 5; look++) {
    timers.pass(SIGN_INTERVAL);
    assert.deepEqual([signs.look(0), signs.look(1)], [0, look]);
  }
});

Deno.test("time that goes by without a look counts for nothing, and one sign makes up for all looks", () => {
  using timers = fakeIntervals();
  const signs = new SignsOfLife(1);
  assert.deepEqual([1, 2, 3].map(() => signs.look(0)), [1, 2, 3]);
  using _alive = new Heartbeat(signs.memory, 0);
  assert.equal(signs.look(0), 0);
  // A suspended process: its clock runs on, its timers do not.
  timers.skip(3_600_000);
  assert.equal(signs.look(0), 1);
  timers.pass(SIGN_INTERVAL);
  assert.equal(signs.look(0), 0);
});

Deno.test("a thread that is started again is not missed for the one before", () => {
  const signs = new SignsOfLife(2);
  for (let look = 1; look <= 3; look++) assert.equal(signs.look(1), look);
  signs.forget(1);
  assert.equal(signs.look(1), 1);
  assert.equal(signs.look(0), 1);
});

Deno.test("the count of signs may pass the largest number", () => {
  using timers = fakeIntervals();
  const signs = new SignsOfLife(1);
  new Int32Array(signs.memory)[0] = 2 ** 31 - 2;
  signs.forget(0);
  using _alive = new Heartbeat(signs.memory, 0);
  assert.equal(signs.look(0), 0);
  timers.pass(SIGN_INTERVAL);
  assert.equal(signs.look(0), 0);
  assert.equal(new Int32Array(signs.memory)[0], -(2 ** 31));
});

Deno.test("the timer does not keep the process alive, and is gone once it is stopped", () => {
  using timers = fakeIntervals();
  const sign = new Heartbeat(new SignsOfLife(1).memory, 0);
  assert.deepEqual([timers.running, timers.holding], [1, 0]);
  sign[Symbol.dispose]();
  assert.equal(timers.running, 0);
});

Deno.test("a thread is seen from another one, until it is ended", async () => {
  const signs = new SignsOfLife(2);
  const worker = new Worker(new URL("./heartbeat_worker.ts", import.meta.url), { type: "module" });
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  worker.onmessage = resolve;
  worker.onerror = (event) => (event.preventDefault(), reject(new Error(event.message)));
  worker.postMessage({ memory: signs.memory, thread: 1 });
  await promise;
  worker.terminate();
  assert.deepEqual([signs.look(1), signs.look(1), signs.look(0)], [0, 1, 1]);
  // The first when it began, and at least one of its timer.
  assert.ok(new Int32Array(signs.memory)[1]! >= 2);
});

/** Intervals that are up when they are told to be. */
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
