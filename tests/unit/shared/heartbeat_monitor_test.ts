import assert from "node:assert/strict";
import { mock } from "node:test";
import { HeartbeatMonitor, Heartbeats } from "../../../src/shared/heartbeat.ts";

const CHECK_INTERVAL = 1000;
const MISSED_LIMIT = 30;

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

Deno.test("HeartbeatMonitor checks no more once disposed of", () => {
  using fixture = new Fixture(1);
  fixture.monitor[Symbol.dispose]();
  for (let check = 0; check < 2 * MISSED_LIMIT; check++) fixture.check();
  assert.deepEqual(fixture.slots[0]!.reasons, []);
});

/** The slot of a worker that goes once it was reported. */
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
    const heartbeats = new Heartbeats(count);
    this.#beats = new Int32Array(heartbeats.memory);
    this.slots = Array.from({ length: count }, () => new Slot());
    this.monitor = new HeartbeatMonitor(heartbeats, this.slots, (thread) => {
      const slot = this.slots[thread]!;
      slot.isThere = false;
      slot.reasons.push("silent");
    });
  }

  /** One heartbeat of a worker. */
  beat(thread: number): void {
    this.#beats[thread]! += 1;
  }

  check(): void {
    mock.timers.tick(CHECK_INTERVAL);
  }

  [Symbol.dispose](): void {
    this.monitor[Symbol.dispose]();
    mock.timers.reset();
  }
}
