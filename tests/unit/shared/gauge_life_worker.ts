/** A thread that enters and leaves random gauges in each turn, and stays in some between turns. */

import { GaugeTable } from "../../../src/shared/gauge.ts";
import { type EpochStart, WorkerEpoch } from "../../../src/shared/worker_epoch.ts";

export interface Start {
  readonly memory: SharedArrayBuffer;
  readonly slots: number;
  readonly epoch: EpochStart;
  readonly limit: number;
  /** How many are in each gauge, of all threads and of this one. */
  readonly inside: Int32Array;
  readonly own: Int32Array;
  /** 1 during a turn; 1 when no other turn must begin. */
  readonly turn: Int32Array;
}

export interface Report {
  /** The highest number seen in a gauge. */
  readonly most: number;
  /** How often this thread is in each gauge. */
  readonly held: readonly number[];
  readonly isLast: boolean;
}

const STEPS = 2000;

let isStopped = false;

addEventListener("message", (event) => {
  const { data } = event as MessageEvent;
  if (data === "stop") isStopped = true;
  else run(data);
});

function run({ memory, slots, epoch, limit, inside, own, turn }: Start): void {
  const table = new GaugeTable(slots, new WorkerEpoch(epoch), memory);
  const gauges = Array.from({ length: slots }, (_, slot) => table.at(slot));
  let most = 0;
  const step = () => {
    const gauge = gauges[Math.floor(Math.random() * gauges.length)]!;
    const { slot } = gauge;
    if (Math.random() < 0.5) {
      if (!gauge.enter(limit)) return;
      Atomics.add(own, slot, 1);
      most = Math.max(most, Atomics.add(inside, slot, 1) + 1);
    } else if (own[slot]! > 0) {
      Atomics.sub(inside, slot, 1);
      Atomics.sub(own, slot, 1);
      gauge.leave();
    }
  };
  const oneTurn = () => {
    Atomics.store(turn, 0, 1);
    const steps = Atomics.load(turn, 1) === 0 ? STEPS : 0;
    for (let done = 0; done < steps; done++) step();
    const report: Report = { most, held: [...own], isLast: isStopped };
    if (!isStopped) setTimeout(oneTurn);
    Atomics.store(turn, 0, 0);
    Atomics.notify(turn, 0);
    self.postMessage(report);
  };
  oneTurn();
}

declare const self: { postMessage(report: Report): void };
