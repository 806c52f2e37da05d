/**
 * Splits long work into steps, so that a reload of thousands of services, routes or groups does not block the
 * connections of this thread.
 */

import { pause, TURN } from "../../net/timers/pause.ts";

/** Work that can be interrupted at each `yield`. */
export type Steps<Result> = Generator<void, Result>;

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
    await pause();
    since = performance.now();
  }
}

/** Calls `action` with each item, in a step of its own. */
export function* stepThrough<Item>(
  items: Iterable<Item>,
  action: (item: Item, index: number) => void,
): Steps<void> {
  let index = 0;
  for (const item of items) {
    action(item, index++);
    yield;
  }
}

/** The results of `change` for all items, each in a step of its own. */
export function* mapInSteps<Item, Result>(
  items: Iterable<Item>,
  change: (item: Item, index: number) => Result,
): Steps<Result[]> {
  const results: Result[] = [];
  yield* stepThrough(items, (item, index) => void results.push(change(item, index)));
  return results;
}
