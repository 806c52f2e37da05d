/** Enters and leaves a table of clients as fast as it can, at the same time as other threads. */

import { type Admission, type ClientLimits, ClientTable } from "../../src/observe/client_table.ts";
import { clientKeyOf } from "../../src/wire/client_key.ts";
import { answer } from "./threads.ts";

export interface Task {
  readonly table: SharedArrayBuffer;
  readonly limits: ClientLimits;
  /** Each has a number in `entered`, which only those whom the table let in count up. */
  readonly clients: readonly string[];
  readonly entered: SharedArrayBuffer;
  readonly rounds: number;
}

/** How often each answer was given. */
export type Result = Partial<Record<Admission, number>>;

answer((task: Task): Result => {
  const table = new ClientTable(task.table, task.limits);
  const entered = new Int32Array(task.entered);
  const clients = task.clients.map((address) => clientKeyOf(address)!);
  const answers: Result = {};
  for (let round = 0; round < task.rounds; round++) {
    const which = Math.floor(Math.random() * clients.length);
    const client = clients[which]!;
    const answer = table.enter(client);
    answers[answer] = (answers[answer] ?? 0) + 1;
    if (answer !== "ok") continue;
    // Not atomic, so that counts are lost should two threads be in here at once.
    entered[which] = entered[which]! + 1;
    table.leave(client);
  }
  return answers;
});
