/** `starts_with`: matches a client whose first bytes are these. */

import { lookForAny } from "../../wire/protocols/look.ts";
import type { Condition } from "./condition.ts";

export const startsWith: Condition<readonly Uint8Array[]> = {
  reads: "bytes",
  compile: (beginnings) => ({ first: { bytes, end } }) => {
    const seen = lookForAny(bytes, beginnings);
    if (seen === "need_more") return end === undefined ? undefined : false;
    return seen === "match";
  },
};
