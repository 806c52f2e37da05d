import assert from "node:assert/strict";
import fc from "fast-check";
import { type Gauge, GaugeTable } from "../../../src/shared/gauge.ts";
import { WorkerEpoch } from "../../../src/shared/worker_epoch.ts";

Deno.test("Gauge.enter() refuses at its limit", () => {
  const gauge = claim(new GaugeTable(1));
  assert.equal(gauge.value, 0);
  assert.deepEqual([1, 2, 3].map(() => gauge.enter(2)), [true, true, false]);
  assert.equal(gauge.value, 2);
  gauge.leave();
  assert.equal(gauge.value, 1);
  assert.equal(gauge.enter(1), false);
  assert.equal(gauge.enter(2), true);
});

Deno.test("Gauge.enter() without a limit never refuses", () => {
  const gauge = claim(new GaugeTable(1));
  for (let entered = 0; entered < 100_000; entered++) assert.ok(gauge.enter(0));
  assert.equal(gauge.value, 100_000);
});

Deno.test("Gauge.leave() throws when the gauge is empty", () => {
  const gauge = claim(new GaugeTable(1));
  const message = "Cannot leave gauge 0: nothing is in it";
  assert.throws(() => gauge.leave(), { name: "RangeError", message });
  gauge.enter(0);
  gauge.leave();
  assert.throws(() => gauge.leave(), { name: "RangeError", message });
  assert.equal(gauge.value, 0);
});

Deno.test("GaugeTable.claim() returns nothing while all slots are taken", () => {
  const table = new GaugeTable(3);
  const gauges = [claim(table), claim(table), claim(table)];
  assert.deepEqual(new Set(gauges.map(({ slot }) => slot)), new Set([0, 1, 2]));
  assert.equal(table.claim(), undefined);
  gauges[1]!.release();
  assert.equal(claim(table).slot, gauges[1]!.slot);
  assert.equal(table.claim(), undefined);
});

Deno.test("Gauge.release() frees the slot after its last connection", () => {
  const table = new GaugeTable(1);
  const gauge = claim(table);
  gauge.enter(0);
  gauge.enter(0);
  gauge.release();
  assert.equal(gauge.value, 2);
  assert.equal(gauge.enter(0), false);
  gauge.leave();
  assert.equal(table.claim(), undefined);
  gauge.leave();
  const next = claim(table);
  assert.equal(next.value, 0);
  assert.ok(next.enter(1));
});

Deno.test("Gauge.release() changes nothing the second time", () => {
  const table = new GaugeTable(2);
  const gauge = claim(table);
  claim(table);
  gauge.release();
  gauge.release();
  const next = claim(table);
  assert.equal(next.slot, gauge.slot);
  assert.ok(next.enter(1));
  gauge.release();
  assert.equal(gauge.enter(0), false);
  assert.ok(next.enter(2));
  assert.equal(next.value, 2);
  assert.equal(table.claim(), undefined);

  const full = claim(new GaugeTable(1));
  full.enter(0);
  full.release();
  full.release();
  full.leave();
  assert.throws(() => full.leave(), RangeError);
});

Deno.test("GaugeTable is one table for all that share its memory", () => {
  const { all: [table, other] } = tables(2, 2);
  assert.equal(other!.capacity, 2);
  const gauge = claim(table!);
  const same = other!.at(gauge.slot);
  assert.ok(same.enter(1));
  assert.equal(gauge.enter(1), false);
  assert.equal(gauge.value, 1);
  gauge.release();
  assert.equal(same.enter(0), false);
  assert.notEqual(claim(other!).slot, gauge.slot);
  assert.equal(table!.claim(), undefined);
  same.leave();
  assert.equal(claim(other!).slot, gauge.slot);
});

Deno.test("Gauge.leave() throws in a thread in which nothing has entered", () => {
  const { all: [table, other] } = tables(2);
  const gauge = claim(table!);
  const same = other!.at(gauge.slot);
  gauge.enter(0);
  assert.throws(() => same.leave(), RangeError);
  assert.equal(gauge.value, 1);
  same.enter(0);
  same.leave();
  gauge.leave();
  assert.equal(gauge.value, 0);
});

Deno.test("Gauge counts nothing once its slot was claimed again", () => {
  const { all: [table, other] } = tables(2);
  const old = claim(table!);
  const oldElsewhere = other!.at(old.slot);
  for (let round = 0; round < 100; round++) {
    old.release();
    const next = claim(table!);
    assert.equal(next.slot, old.slot);
    next.enter(0);
    assert.deepEqual([old.enter(0), oldElsewhere.enter(0), old.value, next.value], [false, false, 0, 1]);
    old.release();
    assert.ok(next.enter(2));
    next.leave();
    next.leave();
    next.release();
  }
});

Deno.test("Gauge.enter() without a limit refuses when the word is full", () => {
  const table = new GaugeTable(1);
  const gauge = claim(table);
  for (let entered = 0; entered < 2 ** 20 - 1; entered++) gauge.enter(0);
  assert.equal(gauge.value, 2 ** 20 - 1);
  assert.deepEqual([gauge.enter(0), gauge.enter(2 ** 30)], [false, false]);
  gauge.release();
  assert.equal(table.claim(), undefined);
});

Deno.test("Gauge.leave() returns whether any thread has a waiter", () => {
  const { all: [table, other] } = tables(2, 2);
  const gauge = claim(table!);
  const same = other!.at(gauge.slot);
  const beside = claim(table!);
  const enterAndLeave = (each: Gauge) => (each.enter(0), each.leave());
  assert.equal(enterAndLeave(gauge), false);
  const [first, second] = [same.wait(), gauge.wait()];
  assert.deepEqual([gauge, same, beside].map(enterAndLeave), [true, true, false]);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  assert.equal(enterAndLeave(same), true);
  second[Symbol.dispose]();
  assert.equal(enterAndLeave(gauge), false);
});

Deno.test("Gauge.leave() misses no waiter that comes just before it", () => {
  const { all: [table, other] } = tables(2);
  const gauge = claim(table!);
  const same = other!.at(gauge.slot);
  gauge.enter(1);
  const { compareExchange } = Atomics;
  let couldEnter: boolean | undefined;
  // Between the read and the write of a thread that leaves, another thread registers and finds no place.
  Atomics.compareExchange = ((...args: Parameters<typeof compareExchange>) => {
    Atomics.compareExchange = compareExchange;
    same.wait();
    couldEnter = same.enter(1);
    return compareExchange(...args);
  }) as typeof compareExchange;
  try {
    assert.equal(gauge.leave(), true);
  } finally {
    Atomics.compareExchange = compareExchange;
  }
  assert.equal(couldEnter, false);
  assert.ok(same.enter(1));
});

Deno.test("GaugeTable.reclaimWorker() takes a dead worker out of every gauge, and changes nothing else", () => {
  const { epoch, all: [table, other, third] } = tables(3, 3);
  const [one, two, released] = [claim(table!), claim(table!), claim(table!)];
  for (const each of [table!, other!, third!]) {
    each.at(one.slot).enter(0);
    each.at(one.slot).enter(0);
  }
  other!.at(two.slot).enter(1);
  other!.at(released.slot).enter(0);
  released.release();
  assert.equal(table!.claim(), undefined);
  epoch.end(1);
  assert.deepEqual(table!.reclaimWorker(1), []);
  assert.deepEqual([one.value, two.value, released.value], [4, 0, 0]);
  assert.ok(two.enter(1));
  assert.equal(claim(table!).slot, released.slot);
  assert.deepEqual(table!.reclaimWorker(1), []);
  assert.equal(one.value, 4);
});

Deno.test("Gauge counts nothing for a worker whose epoch has ended, and starts at 0 for the next", () => {
  const epoch = new WorkerEpoch({ threads: 2 });
  const table = new GaugeTable(1, epoch);
  const gauge = claim(table);
  const start = () => new GaugeTable(1, new WorkerEpoch(epoch.startOf(1)), table.memory).at(0);
  const dead = start();
  assert.ok(dead.enter(2) && gauge.enter(2));
  const deadWaits = dead.wait();
  epoch.end(1);
  table.reclaimWorker(1);
  assert.deepEqual([dead.enter(0), dead.leave(), gauge.value], [false, false, 1]);
  using _deadWaitsAgain = dead.wait();
  const next = start();
  assert.throws(() => next.leave(), RangeError);
  assert.ok(next.enter(2));
  using _waits = next.wait();
  deadWaits[Symbol.dispose]();
  assert.deepEqual([dead.leave(), gauge.value], [false, 2]);
  assert.equal(gauge.leave(), true);
});

Deno.test("GaugeTable.reclaimWorker() returns the gauges whose waiters can have a place, and drops the worker's own waiters", () => {
  const { epoch, all: [table, other] } = tables(2, 4);
  const gauges = [1, 2, 3, 4].map(() => claim(table!));
  for (const { slot } of gauges.slice(0, 3)) other!.at(slot).enter(1);
  using _waits = gauges[1]!.wait();
  using _waitsToo = gauges[3]!.wait();
  using _dead = other!.at(gauges[2]!.slot).wait();
  epoch.end(1);
  assert.deepEqual(table!.reclaimWorker(1), [gauges[1]!.slot]);
  gauges[2]!.enter(0);
  assert.equal(gauges[2]!.leave(), false);
});

Deno.test("Gauge.enter() refuses in a slot that is not claimed", () => {
  const table = new GaugeTable(1);
  assert.equal(table.at(0).enter(0), false);
  assert.throws(() => table.at(0).leave(), RangeError);
  assert.ok(claim(table).enter(0));
});

Deno.test("GaugeTable does what counters and a list of free slots would do (property)", () => {
  const step = fc.oneof(
    fc.record({ does: fc.constantFrom("claim" as const) }),
    fc.record({ does: fc.constant("reclaim" as const), thread: fc.nat(2) }),
    fc.record({ does: fc.constant("release" as const), which: fc.nat(7) }),
    fc.record({ does: fc.constant("leave" as const), which: fc.nat(7), thread: fc.nat(2) }),
    fc.record({ does: fc.constant("enter" as const), which: fc.nat(7), thread: fc.nat(2), limit: fc.nat(4) }),
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), fc.array(step, { maxLength: 80 }), (slots, steps) => {
      const epoch = new WorkerEpoch({ threads: 3 });
      const supervisor = new GaugeTable(slots, epoch);
      const start = (thread: number) =>
        new GaugeTable(slots, new WorkerEpoch(epoch.startOf(thread)), supervisor.memory);
      const threads = [0, 1, 2].map(start);
      const known: { gauge: Gauge; inThreads: Gauge[]; counts: number[]; released: boolean }[] = [];
      const countOf = ({ counts }: { counts: number[] }) => counts.reduce((sum, count) => sum + count);
      const isTaken = (each: typeof known[number]) => countOf(each) > 0 || !each.released;
      for (const each of steps) {
        if (each.does === "claim") {
          const taken = known.filter(isTaken).length;
          const gauge = supervisor.claim();
          assert.equal(gauge !== undefined, taken < slots);
          if (gauge === undefined) continue;
          const inThreads = threads.map((table) => table.at(gauge.slot));
          known.push({ gauge, inThreads, counts: [0, 0, 0], released: false });
        } else if (each.does === "reclaim") {
          epoch.end(each.thread);
          supervisor.reclaimWorker(each.thread);
          const table = threads[each.thread] = start(each.thread);
          for (const model of known) {
            model.counts[each.thread] = 0;
            if (isTaken(model)) model.inThreads[each.thread] = table.at(model.gauge.slot);
          }
        }
        const model = "which" in each ? known[each.which] : undefined;
        if (model === undefined) continue;
        if (each.does === "release") {
          model.gauge.release();
          model.released = true;
        } else if (each.does === "enter") {
          const fits = !model.released && (each.limit === 0 || countOf(model) < each.limit);
          assert.equal(model.inThreads[each.thread]!.enter(each.limit), fits);
          if (fits) model.counts[each.thread]! += 1;
        } else if (each.does === "leave" && model.counts[each.thread]! > 0) {
          model.inThreads[each.thread]!.leave();
          model.counts[each.thread]! -= 1;
        }
        for (const each of known) assert.equal(each.gauge.value, countOf(each));
      }
    }),
  );
});

/** The same table in this many threads. */
function tables(threads: number, slots = 1): { epoch: WorkerEpoch; all: GaugeTable[] } {
  const epoch = new WorkerEpoch({ threads });
  const first = new GaugeTable(slots, epoch);
  const others = Array.from(
    { length: threads - 1 },
    (_, index) => new GaugeTable(slots, new WorkerEpoch(epoch.startOf(index + 1)), first.memory),
  );
  return { epoch, all: [first, ...others] };
}

function claim(table: GaugeTable): Gauge {
  const gauge = table.claim();
  assert.ok(gauge);
  return gauge;
}
