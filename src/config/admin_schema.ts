/** The shape of the admin interface. */

import type { z } from "zod";
import { adminListen } from "./address_fields.ts";
import { bearerToken, hostNames } from "./admin_fields.ts";
import type { AdminConfig } from "./config.ts";
import { section } from "./section.ts";

export const admin = section('a mapping such as "listen: 127.0.0.1:9000"', {
  listen: adminListen().describe(
    "Where it listens: host:port, port (127.0.0.1), :port (all addresses), [v6]:port or unix:/path.",
  ),
  token: bearerToken().optional().describe(
    "What requests must bring as Authorization: Bearer, at least 8 characters. Needed where other machines can " +
      "reach listen.",
  ),
  hosts: hostNames().prefault([]).describe(
    "Names by which it is reached, one or a list, besides IP addresses and localhost. Requests for others are " +
      "refused.",
  ),
});

/** The settings of the admin interface, in full. */
export function completeAdmin({ listen, token, hosts }: z.output<typeof admin>): AdminConfig {
  return { listen, token, hosts };
}
