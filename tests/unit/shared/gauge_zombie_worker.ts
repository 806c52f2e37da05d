/** A worker that finishes its turn after it was terminated. */

import { GaugeTable } from "../../../src/shared/gauge.ts";
import { type EpochStart, WorkerEpoch } from "../../../src/shared/worker_epoch.ts";

interface Task {
  readonly memory: SharedArrayBuffer;
  readonly epoch: EpochStart;
  readonly slot: number;
  /** Numbers: 1 when it may continue, 1 when it has, and how many changes it could make after that. */
  readonly shared: Int32Array;
}

addEventListener("message", (event) => {
  const { memory, epoch, slot, shared }: Task = (event as MessageEvent).data;
  const gauge = new GaugeTable(1, new WorkerEpoch(epoch), memory).at(slot);
  gauge.enter(0);
  gauge.enter(0);
  const waiting = gauge.wait();
  self.postMessage("in");
  Atomics.wait(shared, 0, 0);
  waiting[Symbol.dispose]();
  shared[2] = [gauge.leave(), gauge.enter(0), gauge.leave()].filter(Boolean).length;
  Atomics.store(shared, 1, 1);
  Atomics.notify(shared, 1);
});

declare const self: { postMessage(message: string): void };
