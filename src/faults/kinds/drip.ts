/** Bytes arrive one by one. */

import { faultKind } from "../fault.ts";
import { Slices } from "./slicer.ts";

export const drip = faultKind({
  summary: "Lets one byte at a time pass.",
  parameters: {
    delay: { kind: "duration", default: 100, description: "The time between two bytes." },
  },
  direction: "download",
  bytes: ({ delay }, context) => new Slices(context, delay, () => 1),
});
