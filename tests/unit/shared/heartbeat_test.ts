import assert from "node:assert/strict";
import { mock } from "node:test";
import { Heartbeat, HEARTBEAT_INTERVAL, HeartbeatMonitor } from "../../../src/shared/heartbeat.ts";

const CHECK_INTERVAL = 1000;
const MISSED_LIMIT = 30;

Deno.test("Heartbeat beats at once and every half a second, in the word of its thread", () => {
  using timers = fakeIntervals();
  const memory = new SharedArrayBuffer(8);
  using _heartbeat = new Heartbeat(memory, 1);
  assert.deepEqual([...new Int32Array(memory)], [0, 1]);
  for (let beats = 2; beats <= 5; beats++) {
    timers.pass(HEARTBEAT_INTERVAL);
    assert.deepEqual([...new Int32Array(memory)], [0, beats]);
  }
});

Deno.test("Heartbeat does not keep the process alive, and stops its timer once disposed of", () => {
  using timers = fakeIntervals();
  const heartbeat = new Heartbeat(new SharedArrayBuffer(4), 0);
  assert.deepEqual([timers.running, timers.holding], [1, 0]);
  heartbeat[Symbol.dispose]();
  assert.equal(timers.running, 0);
});

Deno.test("Heartbeat of another thread counts in the same memory, until the thread ends", async () => {
  const memory = new SharedArrayBuffer(8);
  const worker = new Worker(new URL("./heartbeat_worker.ts", import.meta.url), { type: "module" });
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  worker.onmessage = resolve;
  worker.onerror = (event) => (event.preventDefault(), reject(new Error(event.message)));
  worker.postMessage({ memory, thread: 1 });
  await promise;
  worker.terminate();
  const [none, some] = new Int32Array(memory);
  // One at its start, and at least one by its timer.
  assert.ok(none === 0 && some! >= 2);
});

/** Intervals that the test fires. */
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
    [Symbol.dispose]: () => void Object.assign(globalThis, { setInterval, clearInterval }),
  };
}

Deno.test("HeartbeatMonitor reports a worker without a heartbeat for 30 checks, and no other", () => {
  using fixture = new Fixture(3);
  const [silent, alive, slow] = fixture.slots;
  for (let check = 1; check <= MISSED_LIMIT + 5; check++) {
    fixture.beat(1);
    if (check % (MISSED_LIMIT - 1) === 0) fixture.beat(2);
    fixture.check();
    const isOver = check >= MISSED_LIMIT;
    assert.deepEqual(silent!.reasons, isOver ? ["silent"] : [], `check ${check}`);
  }
  assert.deepEqual([alive!.reasons, slow!.reasons], [[], []]);
});

Deno.test("HeartbeatMonitor starts counting over when a worker is replaced", () => {
  using fixture = new Fixture(1);
  const [slot] = fixture.slots;
  for (let check = 0; check < MISSED_LIMIT - 1; check++) fixture.check();
  slot!.isThere = false;
  for (let check = 0; check < 2 * MISSED_LIMIT; check++) fixture.check();
  slot!.isThere = true;
  for (let check = 0; check < MISSED_LIMIT - 1; check++) fixture.check();
  assert.deepEqual(slot!.reasons, []);
  fixture.check();
  assert.equal(slot!.reasons.length, 1);
});

Deno.test("HeartbeatMonitor counts checks and not time, and starts over at a heartbeat", () => {
  using fixture = new Fixture(1);
  const [slot] = fixture.slots;
  for (let check = 0; check < MISSED_LIMIT - 1; check++) fixture.check();
  // The count wraps around: any other number is a heartbeat.
  fixture.beat(0, 2 ** 31);
  for (let check = 0; check < MISSED_LIMIT; check++) fixture.check();
  assert.deepEqual(slot!.reasons, []);
  fixture.check();
  assert.deepEqual(slot!.reasons, ["silent"]);
});

Deno.test("HeartbeatMonitor checks no more once disposed of", () => {
  using fixture = new Fixture(1);
  fixture.monitor[Symbol.dispose]();
  for (let check = 0; check < 2 * MISSED_LIMIT; check++) fixture.check();
  assert.deepEqual(fixture.slots[0]!.reasons, []);
});

Deno.test("HeartbeatMonitor.areAlive() reports whether all threads have had a turn since the last call", () => {
  using fixture = new Fixture(2);
  let now = Math.ceil(performance.now()); // sums of whole numbers are exact
  const areAlive = (after: number) => fixture.monitor.areAlive(now += after);
  assert.equal(areAlive(1), true, "no thread was due yet");
  fixture.beat(0);
  assert.equal(areAlive(5000), false);
  fixture.beat(0);
  fixture.beat(1);
  assert.equal(areAlive(999), false, "too early for another answer");
  assert.equal(areAlive(1), true);
  fixture.beat(0);
  fixture.slots[1]!.isThere = false;
  assert.equal(areAlive(5000), true, "it is being replaced");
});

/** The slot of a worker that ends when it is reported. */
class Slot {
  isThere = true;
  readonly reasons: string[] = [];

  get thread(): unknown {
    return this.isThere ? this : undefined;
  }
}

class Fixture implements Disposable {
  readonly slots: readonly Slot[];
  readonly monitor: HeartbeatMonitor;
  readonly #beats: Int32Array;

  constructor(count: number) {
    mock.timers.enable({ apis: ["setInterval"] });
    const memory = new SharedArrayBuffer(count * Int32Array.BYTES_PER_ELEMENT);
    this.#beats = new Int32Array(memory);
    this.slots = Array.from({ length: count }, () => new Slot());
    this.monitor = new HeartbeatMonitor(memory, this.slots, (thread) => {
      const slot = this.slots[thread]!;
      slot.isThere = false;
      slot.reasons.push("silent");
    });
  }

  /** Heartbeats of a worker. */
  beat(thread: number, count = 1): void {
    this.#beats[thread]! += count;
  }

  check(): void {
    mock.timers.tick(CHECK_INTERVAL);
  }

  [Symbol.dispose](): void {
    this.monitor[Symbol.dispose]();
    mock.timers.reset();
  }
}
