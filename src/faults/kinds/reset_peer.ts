/** The connection is reset. */

import { faultKind } from "../fault.ts";

export const resetPeer = faultKind({
  summary: "Resets both sides (RST).",
  parameters: {
    timeout: {
      kind: "duration",
      default: 0,
      description: "The time from the beginning of the fault to the reset. Until then, bytes pass.",
    },
  },
  direction: "both",
  bytes: ({ timeout }, { signal, sleep, reset }) => {
    const resetUnlessOver = () => signal.aborted || reset();
    return {
      start() {
        // A timer would be too late: an answer with its FIN could pass first. A microtask, because the stage is not in
        // place yet.
        if (timeout === 0) queueMicrotask(resetUnlessOver);
        else void sleep(timeout).then(resetUnlessOver);
      },
      transform: (chunk, output) => timeout === 0 ? undefined : output.enqueue(chunk),
    };
  },
});
