/** The peer never learns of the end. */

import { faultKind } from "../fault.ts";

export const halfOpen = faultKind({
  summary: "Swallows the end of the direction (FIN); bytes pass.",
  parameters: {},
  direction: "both",
  bytes: (_, { sleep }) => ({
    transform: (chunk, output) => output.enqueue(chunk),
    flush: () => sleep(Infinity),
  }),
});
