/** Takes and gives back a lock as fast as it can, at the same time as other threads. */

import { SharedLock } from "../../src/observe/shared_lock.ts";
import { answer } from "./threads.ts";

export interface Task {
  /** The lock, and a number that only those who hold it count up. */
  readonly shared: SharedArrayBuffer;
  readonly rounds: number;
}

/** The holdings of this thread. */
export type Result = readonly number[];

answer(({ shared, rounds }: Task): Result => {
  const words = new Int32Array(shared);
  const lock = new SharedLock(words, 0);
  return Array.from({ length: rounds }, () => {
    const holding = lock.acquire();
    // Not atomic, so that counts are lost should two threads be in here at once.
    words[1] = words[1]! + 1;
    lock.release(holding);
    return holding;
  });
});
