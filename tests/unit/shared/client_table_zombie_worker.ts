/** A worker that finishes its turn after it was terminated. */

import { type ClientLimits, ClientTable } from "../../../src/shared/client_table.ts";
import { clientKeyOf } from "../../../src/wire/ip/client_key.ts";
import { type EpochStart, WorkerEpoch } from "../../../src/shared/worker_epoch.ts";

export interface Task {
  readonly memory: SharedArrayBuffer;
  readonly size: number;
  readonly epoch: EpochStart;
  readonly limits: ClientLimits;
  readonly clients: readonly string[];
  /** Numbers: 1 when it may continue, 1 when it has. */
  readonly shared: Int32Array;
}

addEventListener("message", (event) => {
  const { memory, size, epoch, limits, clients, shared }: Task = (event as MessageEvent).data;
  const table = new ClientTable(size, limits, { epoch: new WorkerEpoch(epoch), memory });
  const keys = clients.map((client) => clientKeyOf(client)!);
  for (const key of [...keys, ...keys]) table.enter(key);
  self.postMessage("in");
  Atomics.wait(shared, 0, 0);
  for (const key of keys) table.leave(key);
  for (const key of [...keys, ...keys, ...keys]) table.enter(key);
  for (const key of keys) table.leave(key);
  Atomics.store(shared, 1, 1);
  Atomics.notify(shared, 1);
});

declare const self: { postMessage(message: string): void };
