/** The shape of the admin interface. */

import type { z } from "zod";
import { adminListen } from "./address_fields.ts";
import { bearerToken, hostNames } from "./admin_fields.ts";
import type { AdminConfig } from "../config.ts";
import { count, unixMode } from "./fields.ts";
import { section } from "./section.ts";

/** One browser with the page open uses up to six. */
const MIN_CONNECTIONS = 8;
const MAX_CONNECTIONS = 4096;

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
  max_connections: count(MIN_CONNECTIONS, MAX_CONNECTIONS).prefault(64).describe(
    "Connections at the same time, event streams included. When all are in use, a new one takes the place of the " +
      "one that has asked for nothing for longest.",
  ),
  unix_mode: unixMode().optional().describe(
    'Permissions of the unix socket in listen, in octal such as "0660". Left out, the umask decides.',
  ),
});

/** The settings of the admin interface, in full. */
export function completeAdmin(settings: z.output<typeof admin>): AdminConfig {
  const { listen, token, hosts, max_connections: maxConnections, unix_mode: unixMode } = settings;
  return { listen, token, hosts, maxConnections, unixMode };
}
