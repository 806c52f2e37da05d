/** What `--help` prints. */

import { ADMIN_HELP } from "./admin/help.ts";
import type { Topic } from "./usage.ts";

const SLUICE = `sluice: a TCP proxy

Run a proxy:
  sluice LISTEN=UPSTREAM ...      proxy each LISTEN address to its UPSTREAM
  sluice -c FILE                  run the services of a YAML file
  sluice check FILE               check a file and say what is wrong with it
  sluice demo                     see it work, with nothing else installed

Look at one that is running (it needs admin.listen):
  sluice top                      services, upstreams and connections, every second anew
  sluice status                   the same once
  sluice connections              list open connections

Tell one that is running what to do:
  sluice kill ID ...              close connections
  sluice upstream GROUP ENDPOINT up|drain|down
                                  take an endpoint out of use or back in
  sluice reload                   read its configuration and certificates again
  sluice drain                    stop, and end when open connections have

Examples:
  sluice 5000=db.internal:5432
  sluice 127.0.0.1:6379=unix:/run/redis.sock 0.0.0.0:3306=10.0.0.7:3306
  sluice -c sluice.yaml --log-format json

Addresses:
  LISTEN     PORT (127.0.0.1), :PORT (all addresses), HOST:PORT, [V6]:PORT, unix:PATH; port 0 takes a free one
  UPSTREAM   HOST:PORT, [V6]:PORT, unix:PATH, or PORT (127.0.0.1)

Options:
  -c, --config FILE       the configuration; - reads standard input, and a reload then reads certificates only
      --workers N         threads that relay, 1 (default) to 256, or auto for one per CPU; wins over the file
      --log-level LEVEL   debug, info (default), warn or error; logs go to stderr
      --log-format FORMAT text (default) or json
      --print-ready       print one line of JSON on stdout once everything listens
      --ready-file PATH   write the same line to PATH
  -h, --help              this text; every command has its own: sluice top --help
  -v, -V, --version       the version

Stop it with Ctrl-C or SIGTERM: it goes on accepting for a while (shutdown.delay, 0), then waits for open connections
(shutdown.drain, 30s); a second signal closes them at once. SIGHUP: as sluice reload.

Exit codes: 0 stopped, 1 could not run, 2 wrong usage or configuration.
`;

const CHECK = `Usage: sluice check FILE

Reads FILE as "sluice -c FILE" would, with its certificates and keys, looks for the folders of files to write, and
starts nothing. Prints "ok" and what each service would do, or every error with its place in the file. FILE may be -,
standard input.

Exit codes: 0 the file is good, 2 it is not.
`;

const DEMO = `Usage: sluice demo [--for DURATION]

Starts an echo server and a clock, a proxy before each, sends a little traffic through and shows the bytes move.
Ends with Ctrl-C, or by itself after DURATION (such as 3s).

Options:
      --for DURATION      end after this time
      --log-level LEVEL   debug, info, warn (default) or error
      --log-format FORMAT text (default) or json
  -h, --help              this text
`;

const TEXTS: Record<Topic, string> = { sluice: SLUICE, check: CHECK, demo: DEMO, ...ADMIN_HELP };

export function helpText(topic: Topic): string {
  return TEXTS[topic];
}
