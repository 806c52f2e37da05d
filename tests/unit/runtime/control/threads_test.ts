import assert from "node:assert/strict";
import type { Address } from "../../../../src/net/address.ts";
import type { ConnectionPage, ConnectionQuery } from "../../../../src/observe/counters/connection_list.ts";
import type { BindOutcome, ListenPlan, ThreadPlan } from "../../../../src/runtime/worker/thread_calls.ts";
import { Threads } from "../../../../src/runtime/control/threads.ts";
import { ThreadEndedError } from "../../../../src/runtime/worker/worker_thread.ts";
import { FakeSeat } from "./fake_thread.ts";

const TCP: Address = { transport: "tcp", hostname: "127.0.0.1", port: 5000 };
const UNIX: Address = { transport: "unix", path: "/run/test.sock" };
const REFUSED: BindOutcome = { refused: { message: "Cannot listen", code: "address_in_use" } };

Deno.test("an address is bound in every thread, a socket file in the first one only", async () => {
  const { seats, threads } = stage(3);
  const plans = [planOf("files", UNIX), planOf("db", TCP)];
  assert.deepEqual(await threads.prepare(plans), { addresses: [UNIX, TCP] });
  assert.deepEqual(await threads.commit(plans, PLAN), []);
  for (const [index, { thread, committed: [work] }] of seats.entries()) {
    const services = index === 0 ? ["files", "db"] : ["db"];
    assert.deepEqual(thread!.calls, [["prepare", ...services]]);
    assert.deepEqual(work!.listeners.map(({ service }) => service), services);
    assert.deepEqual(work!.plan.listeners, services);
  }
});

Deno.test("addresses are those that threads have bound, whichever of them are there", async () => {
  const free: Address = { ...TCP, port: 0 };
  const real: Address = { ...TCP, port: 40_000 };
  const { seats, threads } = stage(2);
  assert.deepEqual(await threads.prepare([planOf("db", free)]), { addresses: [real] });
  seats[0]!.thread = undefined;
  const plans = [planOf("files", UNIX), planOf("db", real)];
  assert.match(refusalOf(await threads.prepare(plans)), /try again/, "nobody else can try out a socket file");
  seats[1]!.thread = undefined;
  assert.deepEqual(await threads.prepare([planOf("db", real)]), { addresses: [real] });
});

Deno.test("what one thread cannot bind no thread keeps, and the reason is told", async () => {
  const { seats, threads } = stage(3);
  seats[1]!.thread!.prepare = () => Promise.resolve(REFUSED);
  assert.deepEqual(await threads.prepare([planOf("db", TCP)]), REFUSED);
  for (const index of [0, 2]) assert.deepEqual(seats[index]!.thread!.calls, [["prepare", "db"], ["discard"]]);
});

Deno.test("when a thread dies while addresses are bound, nothing is, and another try may help", async () => {
  const { seats, threads } = stage(2);
  seats[1]!.thread!.prepare = () => Promise.reject(new ThreadEndedError());
  assert.match(
    refusalOf(await threads.prepare([planOf("db", TCP)])),
    /has died and is being started anew; try again/,
  );
  assert.deepEqual(seats[0]!.thread!.calls.at(-1), ["discard"]);
  seats[1]!.thread!.prepare = () => Promise.reject(new TypeError("a mistake"));
  await assert.rejects(threads.prepare([planOf("db", TCP)]), TypeError);
});

Deno.test("what is told reaches all threads that are there, but the one it is from", () => {
  const { seats, threads } = stage(3);
  seats[0]!.thread!.calls.push(["gone"]);
  const gone = seats[0]!.thread!;
  seats[0]!.thread = undefined;
  threads.wake(7, 2);
  threads.evictIdle("db", 3, 1);
  threads.setEndpoints("db", []);
  threads.setSubscribed(true);
  assert.deepEqual(gone.calls, [["gone"]]);
  assert.deepEqual(seats[1]!.thread!.calls, [["wake", 7], ["setEndpoints", "db", []], [
    "setSubscribed",
    true,
  ]]);
  assert.deepEqual(seats[2]!.thread!.calls, [["evictIdle", "db", 3], ["setEndpoints", "db", []], [
    "setSubscribed",
    true,
  ]]);
});

Deno.test("what is asked of all does not wait for one that dies, or is not there", async () => {
  const { seats, threads } = stage(3);
  seats[0]!.thread = undefined;
  seats[1]!.thread!.kill = () => Promise.reject(new ThreadEndedError());
  seats[1]!.thread!.drained = () => Promise.reject(new ThreadEndedError());
  seats[2]!.thread!.kill = (id) => Promise.resolve(id === 5);
  assert.deepEqual([await threads.kill(5), await threads.kill(6)], [true, false]);
  await threads.drained();
  seats[2]!.thread!.drained = () => Promise.reject(new TypeError("a mistake"));
  await assert.rejects(threads.drained(), TypeError);
});

Deno.test("Threads.commit() tells what keeps threads from a plan, and goes on with the others", async () => {
  const { seats, threads } = stage(3);
  const mistake = new TypeError("a mistake");
  seats[1]!.commit = () => Promise.reject(mistake);
  assert.deepEqual(await threads.commit([planOf("db", TCP)], PLAN), [mistake]);
  assert.deepEqual(seats.map(({ committed }) => committed.length), [1, 0, 1]);
});

Deno.test("connections of all threads are one list, and any window of it can be had", async () => {
  const { seats, threads } = stage(2);
  const asked: ConnectionQuery[] = [];
  for (const [index, ids] of [[1, 3, 5, 7], [2, 4, 6, 8]].entries()) {
    seats[index]!.thread!.connections = (query?: ConnectionQuery) => {
      asked.push(query!);
      const connections = ids.slice(query!.offset, query!.offset + query!.limit).map((id) => ({ id }));
      return Promise.resolve({ total: 10, matching: 4, connections } as unknown as ConnectionPage);
    };
  }
  const query: ConnectionQuery = { filter: "", sort: "id", isDescending: false, offset: 2, limit: 3 };
  const page = await threads.connections(query);
  assert.deepEqual(page.connections.map(({ id }) => id), [3, 4, 5]);
  assert.deepEqual([page.total, page.matching], [20, 8]);
  assert.deepEqual(asked.map(({ offset, limit }) => [offset, limit]), [[0, 5], [0, 5]]);
});

Deno.test("no thread is replaced once they retire, and all are ended when they have finished", async () => {
  let watches = 1;
  const { seats, threads } = stage(2, { [Symbol.dispose]: () => void (watches -= 1) });
  threads.retire();
  assert.deepEqual([watches, ...seats.map(({ isRetired }) => isRetired)], [1, true, true]);
  seats[1]!.thread = undefined;
  const finish = Promise.withResolvers<void>();
  seats[0]!.thread!.finish = () => finish.promise;
  const finished = threads.finish();
  assert.equal(seats[0]!.isTerminated, false);
  finish.resolve();
  await finished;
  assert.deepEqual([watches, ...seats.map(({ isTerminated }) => isTerminated)], [0, true, true]);
});

const PLAN: ThreadPlan = {
  groups: [],
  services: [],
  listeners: [],
  all: { gauge: 0, limit: 0 },
  log: { level: "info", hasAccessFile: false, sample: 1 },
};

function stage(count: number, watch?: Disposable) {
  const seats = Array.from({ length: count }, () => new FakeSeat());
  return { seats, threads: new Threads(seats, watch) };
}

function planOf(service: string, address: Address): ListenPlan {
  return { service, address, adapter: "deno", tls: undefined, unixMode: undefined, shared: true };
}

function refusalOf(outcome: BindOutcome): string {
  return "refused" in outcome ? outcome.refused.message : "";
}
