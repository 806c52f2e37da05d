/** Clients are turned away. */

import { faultKind } from "../fault.ts";

export const refuse = faultKind({
  summary: "Resets clients as soon as they are accepted.",
  parameters: {},
  direction: "both",
  accept: (_, { reset }) => reset(),
});
