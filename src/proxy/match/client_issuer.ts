/** `client_issuer`: matches the issuer of the client's verified certificate. */

import { DistinguishedNameSet } from "../../wire/certificate/distinguished_name_set.ts";
import type { Condition } from "./condition.ts";

export const clientIssuer: Condition<readonly string[]> = {
  compile(names) {
    const set = new DistinguishedNameSet(names);
    return ({ identity }) => identity?.issuer !== undefined && set.has(identity.issuer);
  },
};
