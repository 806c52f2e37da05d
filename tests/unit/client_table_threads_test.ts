import assert from "node:assert/strict";
import { type Admission, ClientTable } from "../../src/observe/client_table.ts";
import { type ClientKey, clientKeyOf } from "../../src/wire/client_key.ts";
import type { Result, Task } from "./client_table_worker.ts";
import { inThreads } from "./threads.ts";

const WORKER = new URL("./client_table_worker.ts", import.meta.url);

Deno.test("two threads never pass the limit of a client while places change hands", async () => {
  const limits = { connections: 1, rate: undefined };
  const clients = [1, 2, 3, 4, 5].map((host) => `192.0.2.${host}`);
  // It has places for two of them.
  const table = new ClientTable(1, limits);
  const entered = new SharedArrayBuffer(clients.length * Int32Array.BYTES_PER_ELEMENT);
  const task: Task = { table: table.buffer, limits, clients, entered, rounds: 100_000 };
  const results = await inThreads<Task, Result>(2, WORKER, task);
  const sum = new Int32Array(entered).reduce((sum, count) => sum + count, 0);
  assert.equal(sum, results.reduce((sum, { ok = 0 }) => sum + ok, 0));
  assert.ok(sum > task.rounds);
  for (const client of clients) assert.throws(() => table.leave(key(client)), RangeError);
});

Deno.test("two threads never pass a limit of two, and lose no count", async () => {
  const limits = { connections: 2, rate: undefined };
  const clients = [1, 2, 3].map((host) => `2001:db8:0:${host}::1`);
  const table = new ClientTable(2, limits);
  // One place of each is taken for good, so that again only one thread at a time can be in.
  for (const client of clients) table.enter(key(client));
  const entered = new SharedArrayBuffer(clients.length * Int32Array.BYTES_PER_ELEMENT);
  const task: Task = { table: table.buffer, limits, clients, entered, rounds: 100_000 };
  const results = await inThreads<Task, Result>(2, WORKER, task);
  const sum = new Int32Array(entered).reduce((sum, count) => sum + count, 0);
  assert.equal(sum, results.reduce((sum, { ok = 0 }) => sum + ok, 0));
  assert.ok(sum > task.rounds);
  for (const client of clients) {
    table.leave(key(client));
    assert.throws(() => table.leave(key(client)), RangeError);
  }
});

Deno.test("two threads together never pass the rate of a client", async () => {
  const limits = { connections: 0, rate: { rate: 1e-6, burst: 30_000 } };
  const table = new ClientTable(1, limits);
  const entered = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  const clients = ["192.0.2.1"];
  const task: Task = { table: table.buffer, limits, clients, entered, rounds: 40_000 };
  const results = await inThreads<Task, Result>(2, WORKER, task);
  const sumOf = (answer: Admission) => results.reduce((sum, result) => sum + (result[answer] ?? 0), 0);
  assert.deepEqual([sumOf("ok"), sumOf("too_fast")], [30_000, 50_000]);
  assert.throws(() => table.leave(key("192.0.2.1")), RangeError);
});

function key(address: string): ClientKey {
  const client = clientKeyOf(address);
  assert.ok(client);
  return client;
}
