/** Clients of a thread that is too busy to accept them. */

import assert from "node:assert/strict";
import type { Outcome } from "./accept_fixture.ts";

export interface BusyTask {
  readonly port: number;
  readonly clients: number;
  /** The bytes that each client sends. */
  readonly greeting: string;
  /** One number, set once all have connected. */
  readonly connected: SharedArrayBuffer;
}

/**
 * Connects this many `clients`, which send `greeting`, while this thread does nothing else, for `busyFor` milliseconds. `before` is called
 * before it begins. Resolves with what becomes of the clients.
 */
export async function connectWhileBusy(
  port: number,
  clients: number,
  busyFor: number,
  before: () => void,
  greeting = "",
): Promise<Outcome[]> {
  const worker = new Worker(new URL("./busy_clients_worker.ts", import.meta.url), { type: "module" });
  const message = <Value>() =>
    new Promise<Value>((resolve) => worker.onmessage = (event) => resolve(event.data));
  await message<"ready">();
  const connected = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  const outcomes = message<Outcome[]>().finally(() => worker.terminate());
  before();
  const task: BusyTask = { port, clients, greeting, connected };
  worker.postMessage(task);
  const began = performance.now();
  const flag = new Int32Array(connected);
  assert.notEqual(Atomics.wait(flag, 0, 0, 30_000), "timed-out");
  // Nothing wakes this wait.
  Atomics.wait(flag, 0, 1, Math.max(0, busyFor - (performance.now() - began)));
  return await outcomes;
}
