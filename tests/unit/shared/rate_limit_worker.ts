/** Takes from a rate limit as fast as it can, at the same time as other threads. */

import type { RateConfig } from "../../../src/config/config.ts";
import { RateLimit } from "../../../src/shared/rate_limit.ts";
import { answer } from "../../support/threads.ts";

export interface Task {
  readonly limit: SharedArrayBuffer;
  readonly rate: RateConfig;
  /** The time, in milliseconds. A refused thread advances it by one. */
  readonly clock: SharedArrayBuffer;
  /** How often to be refused before the task is done. */
  readonly refusals: number;
}

/** How many were taken. */
export type Result = number;

answer((task: Task): Result => {
  const clock = new Int32Array(task.clock);
  const limit = new RateLimit(task.limit, task.rate, () => Atomics.load(clock, 0));
  let taken = 0;
  for (let refused = 0; refused < task.refusals;) {
    if (limit.take()) taken += 1;
    else {
      refused += 1;
      Atomics.add(clock, 0, 1);
    }
  }
  return taken;
});
