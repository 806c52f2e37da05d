/** Enters and leaves a gauge as fast as it can, at the same time as other threads. */

import { GaugeTable } from "../../../src/shared/gauge.ts";
import { answer } from "../../support/threads.ts";
import { WorkerEpoch } from "../../../src/shared/worker_epoch.ts";

export interface Task {
  readonly memory: SharedArrayBuffer;
  readonly slots: number;
  readonly threads: number;
  readonly slot: number;
  readonly limit: number;
  /** How often to enter. */
  readonly rounds: number;
  /** Numbers of all threads: the next one, how many are in the gauge, how often one entered alone. */
  readonly shared: SharedArrayBuffer;
}

export interface Result {
  readonly thread: number;
  /** The highest value of the gauge, and the highest number of members, that it has seen. */
  readonly highest: number;
  readonly most: number;
}

answer((task: Task): Result => {
  const shared = new Int32Array(task.shared);
  const thread = Atomics.add(shared, 0, 1);
  const gauge = new GaugeTable(task.slots, new WorkerEpoch({ thread, threads: task.threads }), task.memory)
    .at(task.slot);
  let [highest, most] = [0, 0];
  for (let entered = 0; entered < task.rounds;) {
    if (gauge.enter(task.limit)) {
      most = Math.max(most, Atomics.add(shared, 1, 1) + 1);
      highest = Math.max(highest, gauge.value);
      // Not atomic, so that counts are lost if two threads are in here at once.
      shared[2] = shared[2]! + 1;
      Atomics.sub(shared, 1, 1);
      gauge.leave();
      entered += 1;
    } else highest = Math.max(highest, gauge.value);
  }
  return { thread, highest, most };
});
