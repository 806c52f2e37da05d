/** Clients wait before they are served. */

import { faultKind } from "../fault.ts";

export const delayAccept = faultKind({
  summary: "Leaves clients alone for a while after they were accepted.",
  parameters: {
    delay: { kind: "duration", description: "How long an accepted client waits." },
  },
  direction: "both",
  accept: ({ delay }, { sleep }) => sleep(delay),
});
