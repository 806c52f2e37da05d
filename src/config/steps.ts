/** Long work in steps, so that a reload of thousands of services does not hold up the connections of this thread. */

/** Work that can be interrupted at each `yield`. */
export type Steps<Result> = Generator<void, Result>;

/** How long steps follow each other before connections get their turn, in milliseconds. */
const TURN = 2;

/** Takes all steps at once. */
export function atOnce<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** Takes the steps with the event loop's turn in between every few milliseconds. */
export async function inTurns<Result>(steps: Steps<Result>): Promise<Result> {
  let since = performance.now();
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    if (performance.now() - since < TURN) continue;
    await new Promise((resolve) => setTimeout(resolve, 0));
    since = performance.now();
  }
}
