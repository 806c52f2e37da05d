import assert from "node:assert/strict";
import fc from "fast-check";
import { Accounts, type AccountsSize } from "../../../../src/observe/counters/accounts.ts";
import { counter, counterByReason, countOf, histogram } from "../../../../src/observe/counters/columns.ts";
import { type CounterRow, CounterTable, tableBytes } from "../../../../src/observe/counters/counter_table.ts";
import { WorkerEpoch } from "../../../../src/shared/worker_epoch.ts";
import type { Task } from "./counter_table_worker.ts";
import { inThreads } from "../../../support/threads.ts";

const COLUMNS = { hits: counter(), by: counterByReason(["a", "b"]), took: histogram([1, 10]) };
const SIZE = { services: 2, upstreams: 1, endpoints: 1 };
const NOTHING = { hits: 0, by: {}, took: { bounds: [1, 10], counts: [0, 0, 0], sum: 0 } };

Deno.test("CounterTable counts in each column of a row", () => {
  const row = claim(tables(1)[0]!);
  assert.deepEqual(row.figures(), NOTHING);
  row.cells.hits.add();
  row.cells.hits.add(41);
  row.cells.by.add("b");
  for (const seconds of [0, 1, 1.5, 10, 11]) row.cells.took.observe(seconds);
  const took = { bounds: [1, 10], counts: [2, 2, 1], sum: 23.5 };
  assert.deepEqual(row.figures(), { hits: 42, by: { b: 1 }, took });
});

Deno.test("CounterTable counts a reason that is not in the list as another one", () => {
  const row = claim(tables(1)[0]!);
  for (const reason of ["a", "never heard of", "__proto__", "other"]) row.cells.by.add(reason);
  assert.deepEqual(row.figures().by, { a: 1, other: 3 });
  assert.throws(() => counterByReason(["a", "a"]), RangeError);
});

Deno.test("CounterTable reads the sum of all threads in any thread", () => {
  const [first, second] = tables(2);
  const row = claim(first!);
  const same = second!.at(row.number);
  row.cells.hits.add(1);
  same.cells.hits.add(2);
  same.cells.by.add("a");
  assert.deepEqual(row.figures(), { ...NOTHING, hits: 3, by: { a: 1 } });
  assert.deepEqual(same.figures(), row.figures());
});

Deno.test("CounterTable.claim() gives the next owner of a row no counts of any thread", () => {
  const [first, second] = tables(2, 1);
  const old = claim(first!);
  const oldElsewhere = second!.at(old.number);
  old.cells.hits.add(5);
  oldElsewhere.cells.took.observe(7);
  old.release();
  const next = claim(second!);
  assert.equal(next.number, old.number);
  assert.deepEqual(next.figures(), NOTHING);
  // Code that still has the old row cannot count for the new one.
  old.cells.hits.add(1);
  oldElsewhere.cells.by.add("a");
  oldElsewhere.cells.took.observe(1);
  assert.deepEqual(next.figures(), NOTHING);
  // It cannot release the new one either.
  old.release();
  assert.equal(first!.claim(), undefined);
  next.cells.hits.add(2);
  assert.equal(next.figures().hits, 2);
});

Deno.test("CounterTable.claim() finds no row in a full table until one is released, and takes the one that was free longest", () => {
  const [table] = tables(1, 3);
  const rows = [claim(table!), claim(table!), claim(table!)];
  assert.deepEqual(rows.map(({ number }) => number), [0, 1, 2]);
  assert.equal(table!.claim(), undefined);
  rows[2]!.release();
  rows[1]!.release();
  assert.equal(claim(table!).number, 1);
});

Deno.test("CounterTable.at() refuses a row that is not claimed or does not exist", () => {
  const [table] = tables(1, 1);
  assert.throws(() => table!.at(0), { message: "Cannot use row 0: it is not claimed" });
  assert.throws(() => table!.at(1), { message: "Cannot use row 1: the table has 1" });
  const row = claim(table!);
  row.release();
  assert.throws(() => table!.at(0), RangeError);
});

Deno.test("CounterTable counts what plain objects would", () => {
  const step = fc.record({
    does: fc.constantFrom("claim", "release", "count"),
    which: fc.nat(9),
    thread: fc.nat(1),
    by: fc.nat(1000),
  });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3 }), fc.array(step, { maxLength: 80 }), (rows, steps) => {
      const both = tables(2, rows);
      const known: { row: CounterRow<typeof COLUMNS>; hits: number; isReleased: boolean }[] = [];
      for (const { does, which, thread, by } of steps) {
        const current = known.filter(({ isReleased }) => !isReleased);
        if (does === "claim") {
          const row = both[thread]!.claim();
          assert.equal(row !== undefined, current.length < rows);
          if (row !== undefined) known.push({ row, hits: 0, isReleased: false });
        } else if (does === "release" && known[which] !== undefined) {
          known[which].row.release();
          known[which].isReleased = true;
        } else if (does === "count" && current[which] !== undefined) {
          both[thread]!.at(current[which].row.number).cells.hits.add(by);
          current[which].hits += by;
        } else known[which]?.row.cells.hits.add(known[which].isReleased ? by : 0);
        for (const { row, hits, isReleased } of known) {
          if (!isReleased) assert.equal(row.figures().hits, hits);
        }
      }
    }),
  );
});

Deno.test("CounterTable loses no count of threads that count at the same time", async () => {
  const threads = 2;
  const rounds = 200_000;
  const accounts = new Accounts(SIZE, new WorkerEpoch({ threads }));
  const row = claim(accounts.services);
  const taken = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  const task: Task = { memory: accounts.memory, size: SIZE, threads, row: row.number, rounds, taken };
  const module = new URL("./counter_table_worker.ts", import.meta.url);
  const took = await inThreads<Task, number>(threads, module, task);
  assert.deepEqual(took.sort(), [0, 1]);
  // The threads have ended; their counts stay.
  const figures = row.figures();
  assert.equal(figures.accepted, threads * rounds);
  assert.equal(figures.bytesFromClient, threads * rounds * (rounds + 1) / 2);
  assert.deepEqual(figures.closed, { client_closed: rounds, upstream_closed: rounds });
  assert.equal(countOf(figures.duration), threads * rounds);
});

Deno.test("CounterTable.reclaimWorker() closes the open connections of a dead thread, and changes nothing else", () => {
  const { epoch, here, start } = stage(SIZE);
  const there = start();
  const rows = [claim(here.services), claim(here.services)];
  for (const { number, cells } of rows) {
    cells.accepted.add(2);
    there.services.at(number).cells.accepted.add(5);
    there.services.at(number).cells.bytesFromClient.add(7);
  }
  there.services.at(1).cells.ended.add(4);
  epoch.end(1);
  here.reclaimWorker(1);
  for (const row of rows) {
    const { accepted, ended, bytesFromClient } = row.figures();
    assert.deepEqual({ accepted, ended, bytesFromClient }, { accepted: 7, ended: 5, bytesFromClient: 7 });
  }
});

Deno.test("CounterTable.reclaimWorker() removes the pooled connections and waiting clients of a dead thread, and changes nothing else", () => {
  const { epoch, here, start } = stage(SIZE);
  const there = start();
  const row = claim(here.upstreams);
  row.cells.poolShelved.add(2);
  const { cells } = there.upstreams.at(row.number);
  cells.poolShelved.add(5);
  cells.poolUnshelved.add(3);
  row.cells.heldBegan.add(2);
  cells.heldBegan.add(4);
  cells.heldEnded.add(1);
  for (const cell of [cells.poolHits, cells.poolMisses, cells.poolExpired, cells.poolLost]) cell.add();
  epoch.end(1);
  here.reclaimWorker(1);
  const { connectTime: _, queueWait: _queueWait, ...figures } = row.figures();
  assert.deepEqual(figures, {
    heldBegan: 6,
    heldEnded: 4,
    queueTimeouts: 0,
    queueRefused: 0,
    poolHits: 1,
    poolMisses: 1,
    poolExpired: 1,
    poolLost: 1,
    poolShelved: 7,
    poolUnshelved: 5,
  });
});

Deno.test("CounterTable ignores counts of a thread whose epoch has ended, and takes those of its replacement", () => {
  const { epoch, here, start } = stage(SIZE);
  const rows = [claim(here.services), claim(here.upstreams), claim(here.endpoints)] as const;
  const cellsOf = (accounts: Accounts) => [
    accounts.services.at(0).cells.accepted,
    accounts.upstreams.at(0).cells.poolShelved,
    accounts.endpoints.at(0).cells.connects,
  ];
  const counted = () => {
    const [{ accepted, ended }, { poolShelved, poolUnshelved }, { connects }] = [
      rows[0].figures(),
      rows[1].figures(),
      rows[2].figures(),
    ];
    return [accepted, ended, poolShelved, poolUnshelved, connects];
  };
  const count = (cells: ReturnType<typeof cellsOf>) => cells.forEach((cell) => cell.add());
  const old = start();
  const dead = cellsOf(old);
  count(cellsOf(here));
  count(dead);
  epoch.end(1);
  here.reclaimWorker(1);
  count(dead);
  old.program.cells.eventLoopDelay.observe(1);
  assert.deepEqual(counted(), [2, 1, 2, 1, 2]);
  epoch.end(1);
  here.reclaimWorker(1);
  const next = start();
  const live = cellsOf(next);
  count(live);
  count(dead);
  next.program.cells.eventLoopDelay.observe(1);
  assert.deepEqual(counted(), [3, 1, 3, 1, 3]);
  assert.equal(countOf(here.program.figures().eventLoopDelay), 1);
  count(cellsOf(here));
  assert.deepEqual(counted(), [4, 1, 4, 1, 4]);
});

Deno.test("CounterTable.reclaimWorker() keeps the earlier counts of a row", () => {
  const { epoch, here, start } = stage({ ...SIZE, services: 1 });
  const there = start();
  const old = claim(here.services);
  there.services.at(0).cells.accepted.add(5);
  there.services.at(0).cells.ended.add(2);
  old.release();
  const next = claim(here.services);
  epoch.end(1);
  here.reclaimWorker(1);
  assert.deepEqual([next.figures().accepted, next.figures().ended], [0, 0]);
  const again = start().services.at(0);
  again.cells.accepted.add(4);
  again.cells.ended.add(1);
  epoch.end(1);
  here.reclaimWorker(1);
  assert.deepEqual([next.figures().accepted, next.figures().ended], [4, 4]);
});

Deno.test("Accounts has tables that do not overlap", () => {
  const size: AccountsSize = { services: 3, upstreams: 2, endpoints: 5 };
  const main = new Accounts(size, new WorkerEpoch({ threads: 3 }));
  const threads = [
    main,
    ...[1, 2].map((thread) => new Accounts(size, new WorkerEpoch({ thread, threads: 3 }), main.memory)),
  ];
  const rows = [
    ...[1, 2, 3].map(() => claim(main.services)),
    ...[1, 2].map(() => claim(main.upstreams)),
    ...[1, 2, 3, 4, 5].map(() => claim(main.endpoints)),
  ];
  for (const accounts of threads) {
    for (let row = 0; row < 3; row++) accounts.services.at(row).cells.duration.observe(1e9);
    for (let row = 0; row < 2; row++) accounts.upstreams.at(row).cells.connectTime.observe(1e9);
    for (let row = 0; row < 5; row++) accounts.endpoints.at(row).cells.failures.add("no such reason");
    accounts.program.cells.eventLoopDelay.observe(1);
  }
  const [service, upstream, endpoint] = [rows[2]!, rows[4]!, rows[9]!].map((row) => row.figures());
  for (const row of rows.slice(0, 3)) assert.deepEqual(row.figures(), service);
  for (const row of rows.slice(3, 5)) assert.deepEqual(row.figures(), upstream);
  for (const row of rows.slice(5)) assert.deepEqual(row.figures(), endpoint);
  assert.deepEqual(endpoint, { connects: 0, failures: { other: 3 } });
  assert.equal(countOf(main.program.figures().eventLoopDelay), 3);
});

Deno.test("Accounts refuses memory of another size", () => {
  const { memory } = new Accounts(SIZE);
  assert.throws(() => new Accounts({ ...SIZE, endpoints: 100 }, new WorkerEpoch(), memory), RangeError);
  assert.throws(() => new Accounts(SIZE, new WorkerEpoch({ threads: 2 }), memory), RangeError);
});

/** The accounts of a supervisor with two threads, and those of the workers that have number 1 one after the other. */
function stage(size: AccountsSize) {
  const epoch = new WorkerEpoch({ threads: 2 });
  const here = new Accounts(size, epoch);
  return { epoch, here, start: () => new Accounts(size, new WorkerEpoch(epoch.startOf(1)), here.memory) };
}

/** The same table in this many threads. */
function tables(threads: number, rows = 2): CounterTable<typeof COLUMNS>[] {
  const memory = new SharedArrayBuffer(tableBytes(COLUMNS, { rows, threads }));
  return Array.from(
    { length: threads },
    (_, thread) =>
      new CounterTable(COLUMNS, rows, { memory, offset: 0, epoch: new WorkerEpoch({ thread, threads }) }),
  );
}

function claim<Row>(table: { claim(): Row | undefined }): Row {
  const row = table.claim();
  assert.ok(row);
  return row;
}
