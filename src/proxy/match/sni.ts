/** `sni`: the server name in the client's ClientHello. */

import { ServerNameSet } from "../../wire/client_hello/server_names.ts";
import type { Condition } from "./condition.ts";

export const sni: Condition<readonly string[]> = {
  readsHello: true,
  compile(names) {
    const set = new ServerNameSet(names);
    return ({ serverName }) => serverName !== undefined && set.has(serverName);
  },
};
