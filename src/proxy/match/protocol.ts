/** `protocol`: matches a client whose first bytes begin one of these protocols. */

import { type ProtocolName, PROTOCOLS } from "../../wire/protocols/registry.ts";
import type { Condition } from "./condition.ts";

export const protocol: Condition<readonly ProtocolName[]> = {
  reads: "bytes",
  compile(names) {
    const protocols = names.map((name) => PROTOCOLS[name]);
    return ({ first: { bytes, end } }) => {
      let mayMatch = false;
      for (const protocol of protocols) {
        const seen = protocol.look(bytes);
        if (seen === "match") return true;
        if (seen === "need_more") mayMatch = true;
      }
      return mayMatch && end === undefined ? undefined : false;
    };
  },
};
