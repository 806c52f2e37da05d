import assert from "node:assert/strict";
import { mock } from "node:test";
import { SignsOfLife } from "../../../../src/shared/heartbeat.ts";
import { HeartbeatMonitor, type WatchedSlot } from "../../../../src/runtime/control/heartbeat_monitor.ts";

const LOOK_EVERY = 1000;
const PATIENCE = 30;

Deno.test("HeartbeatMonitor names a worker that shows nothing for half a minute of looks, and none that does", () => {
  using stage = new Stage(3);
  const [silent, alive, slow] = stage.seats;
  for (let look = 1; look <= PATIENCE + 5; look++) {
    stage.show(1);
    if (look % (PATIENCE - 1) === 0) stage.show(2);
    stage.look();
    const isOver = look >= PATIENCE;
    assert.deepEqual(silent!.reasons, isOver ? ["silent"] : [], `look ${look}`);
  }
  assert.deepEqual([alive!.reasons, slow!.reasons], [[], []]);
});

Deno.test("looks while no worker is there do not count against the next one", () => {
  using stage = new Stage(1);
  const [seat] = stage.seats;
  for (let look = 0; look < PATIENCE - 1; look++) stage.look();
  seat!.isThere = false;
  for (let look = 0; look < 2 * PATIENCE; look++) stage.look();
  seat!.isThere = true;
  for (let look = 0; look < PATIENCE - 1; look++) stage.look();
  assert.deepEqual(seat!.reasons, []);
  stage.look();
  assert.equal(seat!.reasons.length, 1);
});

Deno.test("nobody looks any more once the watch has ended", () => {
  using stage = new Stage(1);
  stage.watch[Symbol.dispose]();
  for (let look = 0; look < 2 * PATIENCE; look++) stage.look();
  assert.deepEqual(stage.seats[0]!.reasons, []);
});

/** A worker that is taken away once it was named. */
class Seat implements WatchedSlot {
  isThere = true;
  readonly reasons: string[] = [];

  get thread(): unknown {
    return this.isThere ? this : undefined;
  }
}

class Stage implements Disposable {
  readonly seats: readonly Seat[];
  readonly watch: HeartbeatMonitor;
  readonly #signs: Int32Array;

  constructor(count: number) {
    mock.timers.enable({ apis: ["setInterval"] });
    const signs = new SignsOfLife(count);
    this.#signs = new Int32Array(signs.memory);
    this.seats = Array.from({ length: count }, () => new Seat());
    this.watch = new HeartbeatMonitor(signs, this.seats, (thread) => {
      const seat = this.seats[thread]!;
      seat.isThere = false;
      seat.reasons.push("silent");
    });
  }

  /** A sign of one of the workers. */
  show(thread: number): void {
    this.#signs[thread]! += 1;
  }

  look(): void {
    mock.timers.tick(LOOK_EVERY);
  }

  [Symbol.dispose](): void {
    this.watch[Symbol.dispose]();
    mock.timers.reset();
  }
}
