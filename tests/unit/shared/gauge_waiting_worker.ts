/** A thread that repeatedly takes a place in a gauge, and waits when there is none. */

import { GaugeTable } from "../../../src/shared/gauge.ts";
import { type EpochStart, WorkerEpoch } from "../../../src/shared/worker_epoch.ts";

export interface Start {
  readonly memory: SharedArrayBuffer;
  readonly epoch: EpochStart;
  readonly limit: number;
  /** How often to take a place; with `keeps`, it keeps the last one. */
  readonly rounds: number;
  readonly keeps: boolean;
}

/** It left a place with a waiter; it starts to wait; it has finished. */
export type Message = "freed" | "waits" | "done";

let wake = () => {};

addEventListener("message", (event) => {
  const { data } = event as MessageEvent;
  if (data === "freed") wake();
  else void run(data);
});

async function run({ memory, epoch, limit, rounds, keeps }: Start): Promise<void> {
  const gauge = new GaugeTable(1, new WorkerEpoch(epoch), memory).at(0);
  const place = async () => {
    if (gauge.enter(limit)) return;
    using _waiting = gauge.wait();
    self.postMessage("waits");
    for (;;) {
      const { promise, resolve } = Promise.withResolvers<void>();
      wake = resolve;
      if (gauge.enter(limit)) return;
      await promise;
    }
  };
  for (let round = 1; round <= rounds; round++) {
    await place();
    // Some keep it over a few turns.
    if (round % 4 === 0) await new Promise((resolve) => setTimeout(resolve));
    if (keeps && round === rounds) break;
    if (gauge.leave()) self.postMessage("freed");
  }
  self.postMessage("done");
}

declare const self: { postMessage(message: Message): void };
