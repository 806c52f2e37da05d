/** Nothing happens. */

import { faultKind } from "../fault.ts";

export const noop = faultKind({
  summary: "Does nothing. Clients of toxiproxy have it.",
  parameters: {},
  direction: "download",
  bytes: () => ({ transform: (chunk, output) => output.enqueue(chunk) }),
});
