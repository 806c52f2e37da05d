import assert from "node:assert/strict";
import { type Admission, ClientTable } from "../../../src/shared/client_table.ts";
import { type ClientKey, clientKeyOf } from "../../../src/wire/ip/client_key.ts";
import type { Result, Task } from "./client_table_worker.ts";
import type { Task as ZombieTask } from "./client_table_zombie_worker.ts";
import { inThreads } from "../../support/threads.ts";
import { WorkerEpoch } from "../../../src/shared/worker_epoch.ts";

const WORKER = new URL("./client_table_worker.ts", import.meta.url);
const ZOMBIE = new URL("./client_table_zombie_worker.ts", import.meta.url);

Deno.test("ClientTable: four threads never pass the limit of a client while places change clients", async () => {
  const limits = { connections: 1, rate: undefined };
  const clients = [1, 2, 3, 4, 5].map((host) => `192.0.2.${host}`);
  // It has places for two of them.
  const size = 1;
  const threads = 5;
  const table = new ClientTable(size, limits, { epoch: new WorkerEpoch({ thread: threads - 1, threads }) });
  const entered = new SharedArrayBuffer(clients.length * Int32Array.BYTES_PER_ELEMENT);
  const task = {
    memory: table.memory,
    size,
    threads,
    limits,
    clients,
    entered,
    rounds: 100_000,
    taken: counter(),
  };
  const results = await inThreads<Task, Result>(4, WORKER, task);
  const sum = new Int32Array(entered).reduce((sum, count) => sum + count, 0);
  assert.equal(sum, results.reduce((sum, { ok = 0 }) => sum + ok, 0));
  assert.ok(sum > task.rounds);
  for (const client of clients) assert.throws(() => table.leave(key(client)), RangeError);
});

Deno.test("ClientTable: two threads never pass a limit of two, and lose no count", async () => {
  const limits = { connections: 2, rate: undefined };
  const clients = [1, 2, 3].map((host) => `2001:db8:0:${host}::1`);
  const size = 2;
  const threads = 3;
  const table = new ClientTable(size, limits, { epoch: new WorkerEpoch({ thread: threads - 1, threads }) });
  // One place of each is taken permanently, so that again only one thread can enter at a time.
  for (const client of clients) table.enter(key(client));
  const entered = new SharedArrayBuffer(clients.length * Int32Array.BYTES_PER_ELEMENT);
  const task = {
    memory: table.memory,
    size,
    threads,
    limits,
    clients,
    entered,
    rounds: 100_000,
    taken: counter(),
  };
  const results = await inThreads<Task, Result>(2, WORKER, task);
  const sum = new Int32Array(entered).reduce((sum, count) => sum + count, 0);
  assert.equal(sum, results.reduce((sum, { ok = 0 }) => sum + ok, 0));
  assert.ok(sum > task.rounds);
  for (const client of clients) {
    table.leave(key(client));
    assert.throws(() => table.leave(key(client)), RangeError);
  }
});

Deno.test("ClientTable: two threads together never pass the rate of a client", async () => {
  const limits = { connections: 0, rate: { rate: 1e-6, burst: 30_000 } };
  const size = 1;
  const threads = 3;
  const table = new ClientTable(size, limits, { epoch: new WorkerEpoch({ thread: threads - 1, threads }) });
  const entered = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  const clients = ["192.0.2.1"];
  const task = {
    memory: table.memory,
    size,
    threads,
    limits,
    clients,
    entered,
    rounds: 40_000,
    taken: counter(),
  };
  const results = await inThreads<Task, Result>(2, WORKER, task);
  const sumOf = (answer: Admission) => results.reduce((sum, result) => sum + (result[answer] ?? 0), 0);
  assert.deepEqual([sumOf("ok"), sumOf("too_fast")], [30_000, 50_000]);
  assert.throws(() => table.leave(key("192.0.2.1")), RangeError);
});

Deno.test("ClientTable: a terminated worker that finishes its turn changes nothing, and the next one starts at 0", async () => {
  const limits = { connections: 5, rate: undefined };
  const size = 3;
  const epoch = new WorkerEpoch({ threads: 2 });
  const table = new ClientTable(size, limits, { epoch });
  const clients = [1, 2, 3].map((host) => `192.0.2.${host}`);
  for (const client of clients) table.enter(key(client));
  const shared = new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));
  const worker = new Worker(ZOMBIE, { type: "module" });
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  worker.onmessage = resolve;
  worker.onerror = (event) => (event.preventDefault(), reject(new Error(event.message)));
  worker.postMessage(
    { memory: table.memory, size, epoch: epoch.startOf(1), limits, clients, shared } satisfies ZombieTask,
  );
  await promise;
  const openOf = (client: string) => {
    let entered = 0;
    while (table.enter(key(client)) === "ok") entered += 1;
    for (let left = 0; left < entered; left++) table.leave(key(client));
    return limits.connections - entered;
  };
  assert.deepEqual(clients.map(openOf), [3, 3, 3]);
  worker.terminate();
  epoch.end(1);
  table.reclaimWorker(1);
  assert.deepEqual(clients.map(openOf), [1, 1, 1]);
  Atomics.store(shared, 0, 1);
  Atomics.notify(shared, 0);
  assert.notEqual(Atomics.wait(shared, 1, 0, 10_000), "timed-out");
  assert.deepEqual(clients.map(openOf), [1, 1, 1]);
  const next = new ClientTable(size, limits, {
    epoch: new WorkerEpoch(epoch.startOf(1)),
    memory: table.memory,
  });
  for (const client of clients) {
    assert.throws(() => next.leave(key(client)), RangeError);
    assert.equal(next.enter(key(client)), "ok");
  }
  assert.deepEqual(clients.map(openOf), [2, 2, 2]);
});

function counter(): SharedArrayBuffer {
  return new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
}

function key(address: string): ClientKey {
  const client = clientKeyOf(address);
  assert.ok(client);
  return client;
}
