import assert from "node:assert/strict";
import { setTimeout as afterMs } from "node:timers/promises";
import { BulkTurns } from "../../../src/relay/bulk_turns.ts";
import { IdleClock } from "../../../src/net/timers/timeouts.ts";
import { Relay } from "../../../src/relay/relay.ts";
import { EndlessConn } from "./endless_conn.ts";
import { CONNECTION } from "./relay_fixture.ts";

/** The time limit for bulk to continue: five seconds. */
const LOOKS = 1000;
/** Longer than any turn, in milliseconds. */
const LONG = 1000;

Deno.test("BulkTurns gives other tasks the thread while streams never wait", async () => {
  const source = new EndlessConn();
  const sink = new EndlessConn();
  sink.finishes = true;
  const idleClock = new IdleClock(0, 0);
  const relayed = new Relay({
    client: source,
    upstream: sink,
    bufferSize: 64 * 1024,
    connection: CONNECTION,
    reset: "close",
    fromClient: { bytes: 0, add: () => {} },
    fromUpstream: { bytes: 0, add: () => {} },
    idleClock,
  }).run();
  // Without turns, not even the first of these would fire: microtasks that queue microtasks never end.
  for (let timers = 0; timers < 20; timers++) {
    const before = source.reads;
    // A thread that gets no time for longer than a turn may find two timers due, with no read between them.
    for (let looks = 0; looks < LOOKS && source.reads === before; looks++) await afterMs(5);
    assert.ok(source.reads > before, "and bulk goes on meanwhile");
  }
  source.finishes = true;
  assert.deepEqual(await relayed, { kind: "closed", first: "upstream" });
});

Deno.test("BulkTurns ends a turn after its time, and continues waiting reads after the timer, in order", async () => {
  const clock = new Clock();
  const turns = new BulkTurns(clock);
  turns.enter();
  const order: string[] = [];
  turns.take(() => order.push("first"));
  assert.deepEqual(order, ["first"], "a turn that has just begun lets in at once");
  clock.time += LONG;
  turns.take(() => {
    order.push("second");
    queueMicrotask(() => order.push("the rest"));
    clock.time += LONG;
  });
  turns.take(() => order.push("third"));
  assert.deepEqual(order, ["first"]);
  await until(() => order.includes("third"));
  assert.deepEqual(
    order,
    ["first", "second", "the rest", "third"],
    "what takes all of a turn leaves the next to others",
  );
  turns.leave();
});

Deno.test("BulkTurns lets the holder continue until it has to wait, then the next one", async () => {
  const clock = new Clock();
  const turns = new BulkTurns(clock);
  turns.enter();
  const order: string[] = [];
  const direction = (name: string) => {
    const read = () => {
      order.push(name);
      const reads = order.filter((each) => each === name).length;
      if (reads < 3) queueMicrotask(() => turns.take(read));
    };
    return read;
  };
  turns.take(() => clock.time += LONG);
  for (const name of ["a", "b", "c"]) turns.take(direction(name));
  await until(() => order.length === 9);
  assert.deepEqual(order, ["a", "a", "a", "b", "b", "b", "c", "c", "c"]);
  turns.leave();
});

Deno.test("BulkTurns releases all waiting reads when the last direction leaves, and leaves no timer", () => {
  const clock = new Clock();
  const turns = new BulkTurns(clock);
  turns.enter();
  turns.enter();
  let reads = 0;
  turns.take(() => reads += 1);
  clock.time += LONG;
  turns.take(() => reads += 1);
  turns.leave();
  assert.equal(reads, 1, "another is still moving bulk");
  turns.leave();
  assert.equal(reads, 2);
});

class Clock {
  time = 0;

  now(): number {
    return this.time;
  }
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await afterMs(1);
}
