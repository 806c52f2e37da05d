/** `silent`: matches a client that sends nothing in time, because it waits for the server's greeting. */

import type { Condition } from "./condition.ts";

export const silent: Condition<boolean> = {
  reads: "bytes",
  compile: (wanted) => ({ first: { bytes, end } }) => {
    if (bytes.length === 0 && end === undefined) return undefined;
    return (bytes.length === 0 && end === "late") === wanted;
  },
};
