import assert from "node:assert/strict";
import { type Address, formatAddress } from "../../../../src/net/address.ts";
import type { ConnectionPage, ConnectionQuery } from "../../../../src/observe/counters/connection_list.ts";
import type { BindOutcome, ListenPlan, ThreadPlan } from "../../../../src/runtime/worker/thread_calls.ts";
import { Threads } from "../../../../src/runtime/control/threads.ts";
import { ThreadEndedError } from "../../../../src/runtime/worker/worker_thread.ts";
import { FakeSlot, FakeThread } from "./fake_thread.ts";

const TCP: Address = { transport: "tcp", hostname: "127.0.0.1", port: 5000 };
const UNIX: Address = { transport: "unix", path: "/run/test.sock" };
const REFUSED: BindOutcome = { refused: { message: "Cannot listen", code: "address_in_use" } };

Deno.test("Threads.prepare() binds an address in every thread, a socket file in the first one only", async () => {
  const { slots, threads } = fixture(3);
  const plans = [planOf("files", UNIX), planOf("db", TCP)];
  assert.deepEqual(await threads.prepare(plans), { addresses: [UNIX, TCP] });
  assert.deepEqual(await threads.commit(plans, PLAN), []);
  for (const [index, { thread, committed: [work] }] of slots.entries()) {
    const services = index === 0 ? ["files", "db"] : ["db"];
    assert.deepEqual(thread!.calls, [["prepare", ...services]]);
    assert.deepEqual(work!.listeners.map(({ service }) => service), services);
    assert.deepEqual(work!.plan.listeners, services);
  }
});

Deno.test("Threads.prepare() returns the addresses that threads have bound, whichever threads are there", async () => {
  const free: Address = { ...TCP, port: 0 };
  const real: Address = { ...TCP, port: 40_000 };
  const { slots, threads } = fixture(2);
  assert.deepEqual(await threads.prepare([planOf("db", free)]), { addresses: [real] });
  slots[0]!.thread = undefined;
  const plans = [planOf("files", UNIX), planOf("db", real)];
  assert.match(
    refusalOf(await threads.prepare(plans)),
    /try again/,
    "only the first thread can try a socket file",
  );
  slots[1]!.thread = undefined;
  assert.deepEqual(await threads.prepare([planOf("db", real)]), { addresses: [real] });
});

Deno.test("Threads.prepare() lets the first thread choose free ports, which the others bind then", async () => {
  const { slots, threads } = fixture(3);
  const asked: string[] = [];
  for (const [index, { thread }] of slots.entries()) {
    const { prepare } = FakeThread.prototype;
    thread!.prepare = async (plans) => {
      asked.push(`${index}: ${plans.map(({ address }) => formatAddress(address)).join()}`);
      await Promise.resolve();
      return await prepare.call(thread, plans);
    };
  }
  const plans = [planOf("files", UNIX), planOf("a", { ...TCP, port: 0 }), planOf("b", TCP)];
  const real = { ...TCP, port: 40_000 };
  assert.deepEqual(await threads.prepare(plans), { addresses: [UNIX, real, TCP] });
  assert.deepEqual(asked, [
    "0: unix:/run/test.sock,127.0.0.1:0,127.0.0.1:5000",
    "1: 127.0.0.1:40000,127.0.0.1:5000",
    "2: 127.0.0.1:40000,127.0.0.1:5000",
  ]);
  slots[0]!.thread!.prepare = () => Promise.resolve(REFUSED);
  assert.deepEqual(await threads.prepare(plans), REFUSED);
  assert.equal(asked.length, 3, "no other thread was asked");
  slots[0]!.thread = undefined;
  assert.match(refusalOf(await threads.prepare(plans)), /try again/);
});

Deno.test("Threads.prepare() discards everything and returns the reason when one thread cannot bind", async () => {
  const { slots, threads } = fixture(3);
  slots[1]!.thread!.prepare = () => Promise.resolve(REFUSED);
  assert.deepEqual(await threads.prepare([planOf("db", TCP)]), REFUSED);
  for (const index of [0, 2]) assert.deepEqual(slots[index]!.thread!.calls, [["prepare", "db"], ["discard"]]);
});

Deno.test("Threads.prepare() binds nothing when a thread dies meanwhile, and asks for another try", async () => {
  const { slots, threads } = fixture(2);
  slots[1]!.thread!.prepare = () => Promise.reject(new ThreadEndedError());
  assert.match(
    refusalOf(await threads.prepare([planOf("db", TCP)])),
    /has died and is being restarted; try again/,
  );
  assert.deepEqual(slots[0]!.thread!.calls.at(-1), ["discard"]);
  slots[1]!.thread!.prepare = () => Promise.reject(new TypeError("a mistake"));
  await assert.rejects(threads.prepare([planOf("db", TCP)]), TypeError);
});

Deno.test("Threads.others() calls all threads that are there but one, Threads.all every one", () => {
  const { slots, threads } = fixture(3);
  slots[0]!.thread!.calls.push(["gone"]);
  const gone = slots[0]!.thread!;
  slots[0]!.thread = undefined;
  threads.others(2).wake(7);
  threads.others(1).evictIdle("db", 3);
  threads.all.setEndpoints("db", []);
  threads.all.setSubscribed(true);
  assert.deepEqual(gone.calls, [["gone"]]);
  assert.deepEqual(slots[1]!.thread!.calls, [["wake", 7], ["setEndpoints", "db", []], [
    "setSubscribed",
    true,
  ]]);
  assert.deepEqual(slots[2]!.thread!.calls, [["evictIdle", "db", 3], ["setEndpoints", "db", []], [
    "setSubscribed",
    true,
  ]]);
});

Deno.test("Threads.all leaves out the answers of threads that die or are not there", async () => {
  const { slots, threads } = fixture(3);
  slots[0]!.thread = undefined;
  slots[1]!.thread!.kill = () => Promise.reject(new ThreadEndedError());
  slots[1]!.thread!.drained = () => Promise.reject(new ThreadEndedError());
  slots[2]!.thread!.kill = (id) => Promise.resolve(id === 5);
  assert.deepEqual([await threads.kill(5), await threads.kill(6)], [true, false]);
  await threads.all.drained();
  slots[2]!.thread!.drained = () => Promise.reject(new TypeError("a mistake"));
  await assert.rejects(threads.all.drained(), TypeError);
});

Deno.test("Threads.commit() returns the errors of threads, and goes on with the others", async () => {
  const { slots, threads } = fixture(3);
  const mistake = new TypeError("a mistake");
  slots[1]!.commit = () => Promise.reject(mistake);
  assert.deepEqual(await threads.commit([planOf("db", TCP)], PLAN), [mistake]);
  assert.deepEqual(slots.map(({ committed }) => committed.length), [1, 0, 1]);
});

Deno.test("Threads.connections() returns any page of the connections of all threads", async () => {
  const { slots, threads } = fixture(2);
  const received: ConnectionQuery[] = [];
  for (const [index, ids] of [[1, 3, 5, 7], [2, 4, 6, 8]].entries()) {
    slots[index]!.thread!.connections = (query?: ConnectionQuery) => {
      received.push(query!);
      const connections = ids.slice(query!.offset, query!.offset + query!.limit).map((id) => ({ id }));
      return Promise.resolve({ total: 10, matching: 4, connections } as unknown as ConnectionPage);
    };
  }
  const query: ConnectionQuery = { filter: "", sort: "id", isDescending: false, offset: 2, limit: 3 };
  const page = await threads.connections(query);
  assert.deepEqual(page.connections.map(({ id }) => id), [3, 4, 5]);
  assert.deepEqual([page.total, page.matching], [20, 8]);
  assert.deepEqual(received.map(({ offset, limit }) => [offset, limit]), [[0, 5], [0, 5]]);
});

Deno.test("Threads.retire() retires every slot, and finish() terminates all after their last reports", async () => {
  let watches = 1;
  const { slots, threads } = fixture(2, {
    areAlive: () => watches > 1,
    [Symbol.dispose]: () => void (watches -= 1),
  });
  assert.deepEqual([threads.areAlive(), fixture(1).threads.areAlive()], [false, true]);
  threads.retire();
  assert.deepEqual([watches, ...slots.map(({ isRetired }) => isRetired)], [1, true, true]);
  slots[1]!.thread = undefined;
  const finish = Promise.withResolvers<void>();
  slots[0]!.thread!.finish = () => finish.promise;
  const finished = threads.finish();
  assert.equal(slots[0]!.isTerminated, false);
  finish.resolve();
  await finished;
  assert.deepEqual([watches, ...slots.map(({ isTerminated }) => isTerminated)], [0, true, true]);
});

const PLAN: ThreadPlan = {
  lists: new Map(),
  ownAddresses: [],
  groups: [],
  services: [],
  listeners: [],
  all: { gauge: 0, limit: 0 },
  log: { level: "info", hasAccessFile: false, access: { at: ["closed"], skip: undefined, sample: 1 } },
};

function fixture(count: number, watch?: ConstructorParameters<typeof Threads>[1]) {
  const slots = Array.from({ length: count }, () => new FakeSlot());
  return { slots, threads: new Threads(slots, watch) };
}

function planOf(service: string, address: Address): ListenPlan {
  return { service, address, adapter: "deno", tls: undefined, unixMode: undefined, shared: true };
}

function refusalOf(outcome: BindOutcome): string {
  return "refused" in outcome ? outcome.refused.message : "";
}
