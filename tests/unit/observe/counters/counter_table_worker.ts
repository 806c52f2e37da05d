/** Counts in a row of accounts as fast as it can, at the same time as other threads. */

import { Accounts, type AccountsSize } from "../../../../src/observe/counters/accounts.ts";
import { answer } from "../../../support/threads.ts";
import { WorkerEpoch } from "../../../../src/shared/worker_epoch.ts";

export interface Task {
  readonly memory: SharedArrayBuffer;
  readonly size: AccountsSize;
  readonly threads: number;
  readonly row: number;
  readonly rounds: number;
  /** One number: how many threads have taken their number. */
  readonly taken: SharedArrayBuffer;
}

answer((task: Task): number => {
  const thread = Atomics.add(new Int32Array(task.taken), 0, 1);
  const { cells } = new Accounts(task.size, new WorkerEpoch({ thread, threads: task.threads }), task.memory)
    .services.at(task.row);
  for (let round = 1; round <= task.rounds; round++) {
    cells.accepted.add();
    cells.bytesFromClient.add(round);
    cells.closed.add(round % 2 === 0 ? "client_closed" : "upstream_closed");
    cells.duration.observe(1);
  }
  return thread;
});
