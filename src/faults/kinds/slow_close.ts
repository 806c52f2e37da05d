/** The end of a direction arrives late. */

import { faultKind } from "../fault.ts";

export const slowClose = faultKind({
  summary: "Delays the end of the direction (FIN).",
  parameters: {
    delay: { kind: "duration", description: "How long the end is delayed." },
  },
  direction: "download",
  bytes: ({ delay }, { sleep }) => ({
    transform: (chunk, output) => output.enqueue(chunk),
    flush: () => sleep(delay),
  }),
});
