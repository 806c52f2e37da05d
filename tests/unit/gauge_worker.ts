/** Enters and leaves a gauge as fast as it can, at the same time as other threads. */

import { GaugeTable } from "../../src/observe/gauge.ts";

export interface Task {
  readonly table: SharedArrayBuffer;
  readonly slot: number;
  readonly limit: number;
  /** How often to enter. */
  readonly rounds: number;
  /** Two numbers shared by all threads: how many are ready, and one that only those in the gauge count up. */
  readonly shared: SharedArrayBuffer;
  readonly threads: number;
  /** Where the result goes. */
  readonly port: MessagePort;
}

export interface Result {
  /** The highest value of the gauge that was seen. */
  readonly highest: number;
}

addEventListener("message", (event) => {
  const task: Task = (event as MessageEvent).data;
  task.port.postMessage(hammer(task));
});

function hammer(task: Task): Result {
  const gauge = new GaugeTable(task.table).at(task.slot);
  const shared = new Int32Array(task.shared);
  awaitOthers(shared, task.threads);
  let highest = 0;
  for (let entered = 0; entered < task.rounds;) {
    if (gauge.enter(task.limit)) {
      highest = Math.max(highest, gauge.value);
      // Not atomic, so that counts are lost should two threads be in here at once.
      shared[1] = shared[1]! + 1;
      gauge.leave();
      entered += 1;
    } else highest = Math.max(highest, gauge.value);
  }
  return { highest };
}

function awaitOthers(shared: Int32Array, threads: number): void {
  Atomics.add(shared, 0, 1);
  Atomics.notify(shared, 0);
  for (let ready = 0; (ready = Atomics.load(shared, 0)) < threads;) Atomics.wait(shared, 0, ready);
}
