/** Nothing moves for a while. */

import { type ByteFault, type FaultContext, faultKind } from "../fault.ts";

export const stall = faultKind({
  summary: "Lets nothing pass for a while, then everything: nothing is read meanwhile, and nothing is lost.",
  parameters: {
    duration: { kind: "duration", description: "How long nothing passes, from when the fault begins." },
  },
  direction: "download",
  bytes: ({ duration }, context) => stalled(duration, context),
});

/** @param duration In milliseconds; with `Infinity`, until the fault stops acting. */
export function stalled(duration: number, { sleep }: FaultContext): ByteFault {
  let isOver = false;
  const over = sleep(duration).then(() => {
    isOver = true;
  });
  return {
    transform: (chunk, output) => isOver ? output.enqueue(chunk) : over.then(() => output.enqueue(chunk)),
    flush: () => over,
  };
}
