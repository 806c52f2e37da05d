/** `client_name`: matches a name in the client's verified certificate. */

import { ClientNameSet } from "../../wire/certificate/client_names.ts";
import type { Condition } from "./condition.ts";

export const clientName: Condition<readonly string[]> = {
  compile(names) {
    const set = new ClientNameSet(names);
    return ({ identity }) => identity !== undefined && set.has(identity);
  },
};
