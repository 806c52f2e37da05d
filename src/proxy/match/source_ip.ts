/** `source_ip`: the address of the client, by itself or in CIDR blocks. */

import { CidrSet } from "../../wire/ip/cidr.ts";
import type { Condition } from "./condition.ts";

export const sourceIp: Condition<readonly string[]> = {
  compile(blocks) {
    const set = new CidrSet(blocks);
    return ({ sourceAddress }) => set.has(sourceAddress);
  },
};
