/** The shape of the admin interface. */

import { isIpAddress } from "../values/address_text.ts";
import { scalars, textOf } from "../values/scalar.ts";
import { HOST_NAME_PATTERN, parseHostName } from "../values/server_name.ts";
import { adminListen } from "./address_fields.ts";
import { count, matching, unixMode } from "./fields.ts";
import { section } from "./section.ts";

/** Visible ASCII, which a header can contain unchanged (RFC 9110 section 5.5). */
const TOKEN_PATTERN = "^[!-~]{8,1024}$";

/** One browser with the page open uses up to six. */
const MIN_CONNECTIONS = 8;
const MAX_CONNECTIONS = 4096;

export const admin = section('a mapping such as "listen: 127.0.0.1:9000"', {
  listen: adminListen().describe(
    "Where it listens: host:port, port (127.0.0.1), :port (all addresses), [v6]:port or unix:/path.",
  ),
  token: matching(TOKEN_PATTERN, "a token of at least 8 printable ASCII characters without spaces", {
    isSecret: true,
  }).optional().describe(
    "The token that requests send as Authorization: Bearer, at least 8 characters. Required where other machines " +
      "can reach listen.",
  ),
  hosts: hostNames().prefault([]).describe(
    "Host names of the interface, one or a list, besides IP addresses and localhost. Requests for other hosts are " +
      "refused.",
  ),
  max_connections: count(MIN_CONNECTIONS, MAX_CONNECTIONS).prefault(64).describe(
    "Connections at the same time, event streams included. At the limit, a new connection replaces the one that " +
      "has been idle for longest.",
  ),
  toxiproxy: adminListen().optional().describe(
    "Where clients of toxiproxy find its HTTP API, such as 127.0.0.1:8474. It has no token. Left out, nowhere.",
  ),
  unix_mode: unixMode().optional().describe(
    'Permissions of the unix socket in listen, in octal such as "0660". Left out, the umask decides.',
  ),
});

/** The name of a host, or a list of these, which may be empty. */
function hostNames() {
  return scalars<string, string>({
    expected: 'a name such as "proxy.internal"',
    parse: (value) => {
      const name = textOf(value);
      if (!isIpAddress(name)) return [parseHostName(name)];
      throw new SyntaxError(`Leave "${name}" out: IP addresses are always accepted`);
    },
    json: [{ type: "string", pattern: HOST_NAME_PATTERN }],
  });
}
