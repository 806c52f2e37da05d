/** Acquires and releases a lock as fast as it can, at the same time as other threads. */

import { SharedLock } from "../../../src/shared/shared_lock.ts";
import { answer } from "../../support/threads.ts";

export interface Task {
  /** The lock, a number that only holders increment, and 0. */
  readonly shared: SharedArrayBuffer;
  readonly maxWaits: number;
  /** How long to hold it each time, in milliseconds. */
  readonly hold: number;
  readonly rounds: number;
}

/** The holdings of this thread. */
export type Result = readonly number[];

answer(({ shared, maxWaits, hold, rounds }: Task): Result => {
  const words = new Int32Array(shared);
  const lock = new SharedLock(words, 0, maxWaits);
  return Array.from({ length: rounds }, () => {
    const holding = lock.acquire();
    // Not atomic, so that counts are lost if two threads are in here at once.
    const before = words[1]!;
    if (hold > 0) Atomics.wait(words, 2, 0, hold);
    words[1] = before + 1;
    lock.release(holding);
    return holding;
  });
});
