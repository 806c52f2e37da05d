/** Upstreams are far away. */

import { faultKind } from "../fault.ts";

export const delayConnect = faultKind({
  summary: "Delays the connection to the upstream.",
  parameters: {
    delay: { kind: "duration", description: "How long to wait before connecting to the upstream." },
  },
  direction: "both",
  connect: ({ delay }, { sleep }) => sleep(delay),
});
