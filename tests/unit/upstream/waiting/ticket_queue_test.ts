import assert from "node:assert/strict";
import { TicketTable } from "../../../../src/shared/ticket_queue.ts";
import { WorkerEpoch } from "../../../../src/shared/worker_epoch.ts";

/** The same queue in three threads, and beside it another one. */
function fixture() {
  const epoch = new WorkerEpoch({ threads: 3 });
  const table = new TicketTable(2, epoch);
  const tableOf = (thread: number) =>
    new TicketTable(2, new WorkerEpoch(epoch.startOf(thread)), table.memory);
  const threads = [0, 1, 2].map((thread) => tableOf(thread).at(1));
  return { epoch, table, threads, other: tableOf(0).at(0), again: (thread: number) => tableOf(thread).at(1) };
}

Deno.test("TicketQueue: the earliest ticket that a thread has published is first", () => {
  const { threads: [a, b, c], other } = fixture();
  assert.equal(a!.isAwaited, false);
  const [first, second, third] = [b!.draw(), a!.draw(), c!.draw()] as const;
  a!.publish(second);
  assert.ok(a!.isFirst(second) && c!.isAwaited && !other.isAwaited);
  c!.publish(third);
  b!.publish(first);
  assert.deepEqual([b!.isFirst(first), a!.isFirst(second), c!.isFirst(third)], [true, false, false]);
  b!.publish(undefined);
  assert.deepEqual([a!.isFirst(second), c!.isFirst(third)], [true, false]);
  a!.publish(undefined);
  c!.publish(undefined);
  assert.equal(b!.isAwaited, false);
});

Deno.test("TicketQueue: tickets stay in order when their count wraps around, and none is 0", () => {
  const { table, threads: [a, b] } = fixture();
  // The count of the second slot.
  new Int32Array(table.memory)[1] = 2 ** 31 - 2;
  const tickets = [a!.draw(), b!.draw(), a!.draw()];
  assert.deepEqual(tickets, [2 ** 31 - 1, -(2 ** 31), 1 - 2 ** 31]);
  a!.publish(tickets[0]);
  b!.publish(tickets[1]);
  assert.deepEqual([a!.isFirst(tickets[0]!), b!.isFirst(tickets[1]!)], [true, false]);
  new Int32Array(table.memory)[1] = -2;
  assert.deepEqual([a!.draw(), a!.draw()], [-1, 1]);
});

Deno.test("TicketQueue: a dead worker leaves no ticket, also if it dies while it publishes", () => {
  for (const dies of ["before", "while", "after"]) {
    const { epoch, table, threads: [a, b], again } = fixture();
    const [early, late] = [a!.draw(), b!.draw()];
    b!.publish(late);
    if (dies === "before") epoch.end(0);
    const { store } = Atomics;
    if (dies === "while") {
      // It has checked its epoch, and the supervisor ends it and reclaims its ticket before it writes.
      Atomics.store = ((...args: Parameters<typeof store>) => {
        Atomics.store = store;
        epoch.end(0);
        table.reclaimWorker(0);
        return store(...args);
      }) as typeof store;
    }
    a!.publish(early);
    Atomics.store = store;
    if (dies === "after") {
      assert.equal(b!.isFirst(late), false);
      epoch.end(0);
      table.reclaimWorker(0);
    }
    assert.equal(b!.isFirst(late), true, dies);
    a!.publish(early);
    assert.equal(b!.isFirst(late), true, dies);
    // The next worker goes on with the count.
    assert.ok(again(0).draw() > late);
  }
});

Deno.test("TicketQueue: a slot that is used again has no waiters", () => {
  const { table, threads: [a, b] } = fixture();
  a!.publish(a!.draw());
  b!.publish(b!.draw());
  table.clear(1);
  assert.equal(a!.isAwaited, false);
});
