/** Enters and leaves a table of clients as fast as it can, at the same time as other threads. */

import { type Admission, type ClientLimits, ClientTable } from "../../../src/shared/client_table.ts";
import { clientKeyOf } from "../../../src/wire/ip/client_key.ts";
import { answer } from "../../support/threads.ts";
import { WorkerEpoch } from "../../../src/shared/worker_epoch.ts";

export interface Task {
  readonly memory: SharedArrayBuffer;
  readonly size: number;
  readonly threads: number;
  readonly limits: ClientLimits;
  /** Each has a number in `entered`, which only threads that have entered increment. */
  readonly clients: readonly string[];
  readonly entered: SharedArrayBuffer;
  readonly rounds: number;
  /** One number: how many threads have taken their number. */
  readonly taken: SharedArrayBuffer;
}

/** The count of each answer. */
export type Result = Partial<Record<Admission, number>>;

answer((task: Task): Result => {
  const thread = Atomics.add(new Int32Array(task.taken), 0, 1);
  const table = new ClientTable(task.size, task.limits, {
    epoch: new WorkerEpoch({ thread, threads: task.threads }),
    memory: task.memory,
  });
  const entered = new Int32Array(task.entered);
  const clients = task.clients.map((address) => clientKeyOf(address)!);
  const answers: Result = {};
  for (let round = 0; round < task.rounds; round++) {
    const which = Math.floor(Math.random() * clients.length);
    const client = clients[which]!;
    const answer = table.enter(client);
    answers[answer] = (answers[answer] ?? 0) + 1;
    if (answer !== "ok") continue;
    // Not atomic, so that counts are lost if two threads are in here at once.
    entered[which] = entered[which]! + 1;
    table.leave(client);
  }
  return answers;
});
