/** `client_subject`: matches the subject of the client's verified certificate. */

import { DistinguishedNameSet } from "../../wire/certificate/distinguished_name_set.ts";
import type { Condition } from "./condition.ts";

export const clientSubject: Condition<readonly string[]> = {
  compile(names) {
    const set = new DistinguishedNameSet(names);
    return ({ identity }) => identity?.subject !== undefined && set.has(identity.subject);
  },
};
