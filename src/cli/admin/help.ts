/** What `--help` of the commands for a running proxy prints. */

import type { AdminCommandName } from "./args.ts";

const WHERE = `Where the proxy is:
      --admin ADDRESS     its admin.listen: HOST:PORT, [V6]:PORT, PORT (127.0.0.1) or unix:PATH
  -c, --config FILE       its configuration, which has both address and token
                          without either, the environment variable SLUICE_ADMIN has the address
      --token-file FILE   a file with its admin.token; else the configuration's, else SLUICE_TOKEN
`;

const EXIT_CODES = `Exit codes: 0 done, 1 not reached or refused, 2 wrong usage or configuration.
`;

const ORDER =
  `      --filter TEXT       only those whose service, client, peer, SNI, upstream or endpoint contains TEXT
      --sort KEY          bytes (default), age, id, client, service, endpoint
      --reverse           the other way round: bytes and age otherwise begin with the most
`;

const HELP = `  -h, --help              this text
`;

const JSON_OPTION = `      --json              as the admin interface has it, see docs/api.md
`;

const TOP = `Usage: sluice top [OPTIONS]

Shows a running proxy in the terminal, every second anew: services, upstreams, connections and their rates.
q quits, K closes the selected connection, ? lists all keys.

Options:
${ORDER}${HELP}
${WHERE}
${EXIT_CODES}`;

const STATUS = `Usage: sluice status [--json] [OPTIONS]

Prints how a running proxy is: its services, upstreams and certificates.

Options:
${JSON_OPTION}${HELP}
${WHERE}
${EXIT_CODES}`;

const CONNECTIONS = `Usage: sluice connections [OPTIONS]

Lists the open connections of a running proxy.

Options:
${ORDER}      --limit N           at most so many (100)
${JSON_OPTION}${HELP}
${WHERE}
${EXIT_CODES}`;

const KILL = `Usage: sluice kill ID ... [OPTIONS]

Closes connections of a running proxy, both sides of each. sluice connections lists their ids.

Options:
      --json              print {"closed":[...],"unknown":[...]}
${HELP}
${WHERE}
Exit codes: 0 all closed, 1 one of them was not open, or not reached or refused, 2 wrong usage or configuration.
`;

const UPSTREAM = `Usage: sluice upstream GROUP ENDPOINT STATE [OPTIONS]

Takes an endpoint out of use or back in, until it is said otherwise or the proxy ends; health checks go on beside it.
sluice status lists groups and endpoints. STATE is:
  drain    no new connections; the open ones stay
  down     no new connections; the open ones are closed
  up       back in use

Options:
${JSON_OPTION}${HELP}
${WHERE}
${EXIT_CODES}`;

const RELOAD = `Usage: sluice reload [OPTIONS]

Has a running proxy read its configuration, certificates and keys again and open the file of its access log anew, as
SIGHUP does. Prints what is different. Open connections go on; new ones go by the new configuration.

One that cannot be used changes nothing. A file of a certificate that cannot be used leaves the certificate in use.
workers and admin need a restart. With another admin.listen in FILE, give the one in effect with --admin.

Options:
${HELP}
${WHERE}
Exit codes: 0 done, 1 something cannot be used, or not reached or refused, 2 wrong usage or configuration.
`;

const DRAIN = `Usage: sluice drain [--deadline DURATION] [OPTIONS]

Has a running proxy end as SIGTERM does: it is no longer ready, stops accepting after its shutdown.delay, and ends when
its open connections have.

Options:
      --deadline DURATION stop accepting at once, and close what is open after this time, such as 10s
                          (default: its shutdown.drain)
${HELP}
${WHERE}
${EXIT_CODES}`;

export const ADMIN_HELP: Record<AdminCommandName, string> = {
  top: TOP,
  status: STATUS,
  connections: CONNECTIONS,
  kill: KILL,
  upstream: UPSTREAM,
  reload: RELOAD,
  drain: DRAIN,
};
