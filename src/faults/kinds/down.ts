/** The service is down. */

import { faultKind } from "../fault.ts";

export const down = faultKind({
  summary:
    "Stops listening and cuts all connections. The service keeps its port for when the fault is removed.",
  parameters: {},
  direction: "both",
  isDown: true,
});
