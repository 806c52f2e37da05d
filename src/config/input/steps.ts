/**
 * Splits long work into steps, so that a reload of thousands of services does not block the connections of
 * this thread.
 */

import { setImmediate } from "node:timers";

/** Work that can be interrupted at each `yield`. */
export type Steps<Result> = Generator<void, Result>;

/** How long steps run before the event loop handles connections, in milliseconds. */
const TURN = 2;

/** Runs all steps at once. */
export function atOnce<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** Runs the steps, and yields to the event loop every few milliseconds. */
export async function inTurns<Result>(steps: Steps<Result>): Promise<Result> {
  let since = performance.now();
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    if (performance.now() - since < TURN) continue;
    await new Promise((resolve) => setImmediate(resolve));
    since = performance.now();
  }
}
