import assert from "node:assert/strict";
import fc from "fast-check";
import { type Gauge, GaugeTable } from "../../src/observe/gauge.ts";
import type { Result, Task } from "./gauge_worker.ts";

Deno.test("a gauge counts up to its limit and no further", () => {
  const gauge = claim(new GaugeTable(1));
  assert.equal(gauge.value, 0);
  assert.deepEqual([1, 2, 3].map(() => gauge.enter(2)), [true, true, false]);
  assert.equal(gauge.value, 2);
  gauge.leave();
  assert.equal(gauge.value, 1);
  assert.equal(gauge.enter(1), false);
  assert.equal(gauge.enter(2), true);
});

Deno.test("a gauge without a limit counts everything", () => {
  const gauge = claim(new GaugeTable(1));
  for (let entered = 0; entered < 100_000; entered++) assert.ok(gauge.enter(0));
  assert.equal(gauge.value, 100_000);
});

Deno.test("nothing leaves that did not enter", () => {
  const gauge = claim(new GaugeTable(1));
  const message = "Cannot leave gauge 0: nothing is in it";
  assert.throws(() => gauge.leave(), { name: "RangeError", message });
  gauge.enter(0);
  gauge.leave();
  assert.throws(() => gauge.leave(), { name: "RangeError", message });
  assert.equal(gauge.value, 0);
});

Deno.test("a full table has no gauge to claim until one is released", () => {
  const table = new GaugeTable(3);
  const gauges = [claim(table), claim(table), claim(table)];
  assert.deepEqual(new Set(gauges.map(({ slot }) => slot)), new Set([0, 1, 2]));
  assert.equal(table.claim(), undefined);
  gauges[1]!.release();
  assert.equal(claim(table).slot, gauges[1]!.slot);
  assert.equal(table.claim(), undefined);
});

Deno.test("a slot goes back after its last connection", () => {
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

Deno.test("a gauge is released once, however often it is asked to", () => {
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

Deno.test("tables made of one buffer are one table", () => {
  const table = new GaugeTable(2);
  const other = new GaugeTable(table.buffer);
  assert.equal(other.capacity, 2);
  const gauge = claim(table);
  const same = other.at(gauge.slot);
  assert.ok(same.enter(1));
  assert.equal(gauge.enter(1), false);
  gauge.release();
  assert.equal(same.enter(0), false);
  assert.notEqual(claim(other).slot, gauge.slot);
  assert.equal(table.claim(), undefined);
  same.leave();
  assert.equal(claim(other).slot, gauge.slot);
});

Deno.test("a slot that nobody has claimed cannot be entered", () => {
  const table = new GaugeTable(1);
  assert.equal(table.at(0).enter(0), false);
  assert.throws(() => table.at(0).leave(), RangeError);
  assert.ok(claim(table).enter(0));
});

Deno.test("a table refuses sizes and slots that make no sense", () => {
  for (const capacity of [0, -1, 1.5, NaN]) assert.throws(() => new GaugeTable(capacity), RangeError);
  assert.throws(() => new GaugeTable(new SharedArrayBuffer(0)), RangeError);
  assert.throws(() => new GaugeTable(new SharedArrayBuffer(6)), RangeError);
  const table = new GaugeTable(2);
  for (const slot of [-1, 2, 0.5, NaN]) {
    assert.throws(() => table.at(slot), {
      name: "RangeError",
      message: `Cannot use gauge ${slot}: the table has 2`,
    });
  }
});

Deno.test("gauges of a table do what counters and a list of free slots would do", () => {
  const step = fc.oneof(
    fc.record({ does: fc.constantFrom("claim" as const) }),
    fc.record({ does: fc.constantFrom("leave" as const, "release" as const), which: fc.nat(7) }),
    fc.record({ does: fc.constant("enter" as const), which: fc.nat(7), limit: fc.nat(3) }),
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), fc.array(step, { maxLength: 60 }), (capacity, steps) => {
      const table = new GaugeTable(capacity);
      const known: { gauge: Gauge; count: number; released: boolean }[] = [];
      for (const each of steps) {
        if (each.does === "claim") {
          const taken = known.filter(({ count, released }) => count > 0 || !released).length;
          const gauge = table.claim();
          assert.equal(gauge !== undefined, taken < capacity);
          if (gauge !== undefined) known.push({ gauge, count: 0, released: false });
          continue;
        }
        const model = known[each.which];
        if (model === undefined) continue;
        if (each.does === "enter") {
          const fits = !model.released && (each.limit === 0 || model.count < each.limit);
          assert.equal(model.gauge.enter(each.limit), fits);
          if (fits) model.count += 1;
        } else if (each.does === "release") {
          model.gauge.release();
          model.released = true;
        } else if (model.count > 0) {
          model.gauge.leave();
          model.count -= 1;
        }
        if (!model.released || model.count > 0) assert.equal(model.gauge.value, model.count);
      }
    }),
  );
});

for (const limit of [1, 2]) {
  Deno.test(`two threads never pass a limit of ${limit} in one gauge, and lose no count`, async () => {
    const threads = 2;
    const rounds = 50_000;
    const table = new GaugeTable(1);
    const gauge = claim(table);
    // With a limit of 2, one place is taken for good, so that again only one thread at a time can be in the gauge.
    for (let taken = 1; taken < limit; taken++) gauge.enter(limit);
    const shared = new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT);
    const task = { table: table.buffer, slot: gauge.slot, limit, rounds, shared, threads };
    const results = await Promise.all(Array.from({ length: threads }, () => runInWorker(task)));
    assert.deepEqual(results.map(({ highest }) => highest), [limit, limit]);
    assert.equal(new Int32Array(shared)[1], threads * rounds);
    assert.equal(gauge.value, limit - 1);
  });
}

function claim(table: GaugeTable): Gauge {
  const gauge = table.claim();
  assert.ok(gauge);
  return gauge;
}

async function runInWorker(task: Omit<Task, "port">): Promise<Result> {
  const worker = new Worker(new URL("./gauge_worker.ts", import.meta.url), { type: "module" });
  const { port1, port2 } = new MessageChannel();
  const { promise, resolve, reject } = Promise.withResolvers<Result>();
  port1.onmessage = ({ data }) => resolve(data);
  worker.onerror = (event) => {
    event.preventDefault();
    reject(new Error(event.message));
  };
  worker.postMessage({ ...task, port: port2 }, [port2]);
  try {
    return await promise;
  } finally {
    port1.close();
    worker.terminate();
  }
}
