/** The cable is unplugged, and plugged in again. */

import { faultKind } from "../fault.ts";
import { stalled } from "./stall.ts";

export const freeze = faultKind({
  summary: "Lets nothing pass until it is removed: nothing is read meanwhile, and nothing is lost.",
  parameters: {},
  direction: "both",
  bytes: (_, context) => stalled(Infinity, context),
});
