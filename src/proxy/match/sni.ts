/** `sni`: matches the server name in the client's ClientHello. */

import type { ListEntry } from "../../config/config.ts";
import type { Condition } from "./condition.ts";

export const sni: Condition<readonly ListEntry[]> = {
  reads: "hello",
  compile(names, lists) {
    const set = lists.names(names);
    return ({ serverName, awaitsHello }) => {
      const isMet = serverName !== undefined && set.has(serverName);
      return isMet || !awaitsHello ? isMet : undefined;
    };
  },
};
