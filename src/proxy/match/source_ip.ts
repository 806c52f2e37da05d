/** `source_ip`: matches the client's address, or a CIDR block that contains it. */

import type { ListEntry } from "../../config/config.ts";
import type { Condition } from "./condition.ts";

export const sourceIp: Condition<readonly ListEntry[]> = {
  compile(blocks, lists) {
    const set = lists.addresses(blocks);
    return ({ sourceAddress }) => set.has(sourceAddress);
  },
};
