/** What `--help` prints. */

import { commandHelp, summariesOf } from "./admin/help.ts";
import { loadAdminCommand } from "./admin/registry.ts";
import type { Topic } from "./usage.ts";

const RUNNING = `sluice: a TCP proxy

Run a proxy:
  sluice LISTEN=UPSTREAM ...      proxy each LISTEN address to its UPSTREAM
  sluice -c FILE                  run the services of a YAML file
  sluice check FILE               check a file and list its errors
  sluice demo                     see it work, with nothing else installed
`;

const REFERENCE = `Examples:
  sluice 5000=db.internal:5432
  sluice 127.0.0.1:6379=unix:/run/redis.sock 0.0.0.0:3306=10.0.0.7:3306
  sluice -c sluice.yaml --log-format json

Addresses:
  LISTEN     PORT (127.0.0.1), :PORT (all addresses), HOST:PORT, [V6]:PORT, unix:PATH; port 0 takes a free one
  UPSTREAM   HOST:PORT, [V6]:PORT, unix:PATH, or PORT (127.0.0.1)

Options:
  -c, --config FILE       the configuration; - reads standard input (then a reload only rereads certificates)
      --workers N         threads that relay: 1 (default) to 256, or auto for one per CPU; overrides the file
      --log-level LEVEL   debug, info (default), warn or error; logs go to stderr
      --log-format FORMAT text (default) or json
      --print-ready       print one line of JSON on stdout once everything listens
      --ready-file PATH   write the same line to PATH
  -h, --help              this text; every command has its own: sluice top --help
  -v, -V, --version       the version

Ctrl-C or SIGTERM stops it: it accepts for shutdown.delay (0) more, then waits for open connections for at most
shutdown.drain (30s); a second signal closes them at once. SIGHUP does what sluice reload does.

Exit codes: 0 stopped, 1 could not run, 2 wrong usage or configuration.
`;

const CHECK = `Usage: sluice check FILE

Checks FILE as "sluice -c FILE" would read it, with its certificates, its keys and the folders of files to write, and
starts nothing. Prints all settings in effect as YAML with notes and "ok", or every error with its place in the file.
Variables stand in place of secrets. FILE may be -, standard input.

Exit codes: 0 the file is valid, 2 it is not.
`;

const DEMO = `Usage: sluice demo [--for DURATION]

Starts an echo server and a clock, a proxy before each, sends a little traffic through and shows the bytes move.
Ctrl-C ends it.

Options:
      --for DURATION      end after this time, such as 3s
      --log-level LEVEL   debug, info, warn (default) or error
      --log-format FORMAT text (default) or json
  -h, --help              this text
`;

export async function helpText(topic: Topic): Promise<string> {
  if (topic === "check") return CHECK;
  if (topic === "demo") return DEMO;
  if (topic !== "sluice") return commandHelp(topic, await loadAdminCommand(topic));
  const [inspect, control] = await Promise.all([summariesOf("inspect"), summariesOf("control")]);
  return [
    RUNNING,
    `Inspect a running proxy (it needs admin.listen):\n${inspect}`,
    `Control a running proxy (it needs admin.listen):\n${control}`,
    REFERENCE,
  ].join("\n");
}
