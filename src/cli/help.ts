/** What `--help` prints. */

import { commandHelp, summariesOf } from "./admin/help.ts";
import { ADMIN_COMMANDS, isAdminCommand, loadAdminCommand } from "./admin/registry.ts";
import type { OwnTopic, Topic } from "./usage.ts";

const RUNNING = `sluice: a TCP proxy

Run a proxy:
  sluice LISTEN=UPSTREAM ...      proxy each LISTEN address to its UPSTREAM
  sluice -c FILE                  run the services of a YAML file
  sluice check FILE               check a file and list its errors; with --ready URL, whether a proxy is ready
  sluice demo                     see it work, with nothing else installed
  sluice gateway                  serve the Gateways of a Kubernetes cluster (Gateway API)
  sluice toxiproxy                serve clients of toxiproxy; sluice toxic has the commands of toxiproxy-cli
`;

const ABOUT = `About sluice itself:
  sluice version                  print the version, with --json for programs
  sluice completions SHELL        print completions of the command line for bash, zsh or fish
  sluice man                      print this and the help of all commands as a man page
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
      --fault FAULT       breaks the connections of LISTEN=UPSTREAM on purpose: latency,latency=200ms,direction=both;
                          may be repeated, see docs/testing.md
      --seed SEED         what random decisions of faults follow from; overrides the file, which overrides SLUICE_SEED
      --workers N         threads that relay: 1 (default) to 256, or auto for one per CPU; overrides the file
      --log-level LEVEL   debug, info (default), warn or error; logs go to stderr
      --log-format FORMAT text (default) or json
      --print-ready       print one line of JSON on stdout once everything listens
      --ready-file PATH   write the same line to PATH
      --options FILE      the options of the library (docs/library.md) as JSON, in place of -c; for programs
      --stop-at-eof       stop when standard input ends, as when the program that started this one is killed
      --take-over         start beside the sluice that runs with the same admin.listen, then have it drain: upgrades
  -h, --help              this text; every command has its own: sluice top --help
  -v, -V, --version       the version

Ctrl-C or SIGTERM stops it: it accepts for shutdown.delay (0) more, then waits for open connections for at most
shutdown.drain (30s); a second signal closes them at once. SIGHUP does what sluice reload does.

Exit codes: 0 stopped, 1 could not run, 2 wrong usage or configuration.
`;

const CHECK = `Usage: sluice check FILE | sluice check --ready URL [--timeout DURATION]

Checks FILE as "sluice -c FILE" would read it, with its certificates, its keys and the folders of files to write, and
starts nothing. Prints all settings in effect as YAML with notes and "ok", or every error with its place in the file.
Variables stand in place of secrets. FILE may be -, standard input.

With --ready, asks a running proxy whether it takes connections: a health check for containers and scripts.

Options:
  -c, --config FILE       the same as FILE
      --ready URL         what to ask: http://HOST:PORT/readyz, or just its admin.listen, such as 9000, HOST:PORT or
                          unix:PATH
      --timeout DURATION  how long it may take to answer (default: 3s)
  -h, --help              this text

Exit codes: 0 the file is valid, or the proxy is ready; 1 it is not ready, or does not answer; 2 the file is not valid.
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

const COMPLETIONS = `Usage: sluice completions bash|zsh|fish

Prints a script with which the shell completes commands, options, files and the values that an option may have.

For every new shell:
  bash    sluice completions bash > ~/.local/share/bash-completion/completions/sluice
  zsh     sluice completions zsh > DIRECTORY/_sluice, where DIRECTORY is in fpath
  fish    sluice completions fish > ~/.config/fish/completions/sluice.fish

Options:
  -h, --help              this text

Exit codes: 0 done, 2 wrong usage.
`;

const MAN = `Usage: sluice man

Prints the help of all commands as a man page, sluice(1): sluice man | man -l -

Options:
  -h, --help              this text

Exit codes: 0 done, 2 wrong usage.
`;

/** The topics with a text of their own; those of longer commands are with their command. */
const OWN_TOPICS: Readonly<Record<OwnTopic, () => Promise<string> | string>> = {
  sluice: mainHelp,
  check: () => CHECK,
  demo: () => DEMO,
  gateway: async () => (await import("./gateway/serve.ts")).GATEWAY_HELP,
  toxiproxy: async () => (await import("./toxiproxy/serve.ts")).TOXIPROXY_HELP,
  toxic: async () => (await import("./toxiproxy/toxic.ts")).TOXIC_HELP,
  version: async () => (await import("./version.ts")).VERSION_HELP,
  completions: () => COMPLETIONS,
  man: () => MAN,
};

/** All topics, `sluice` first. */
export const TOPICS = [...Object.keys(OWN_TOPICS), ...Object.keys(ADMIN_COMMANDS)] as Topic[];

export async function helpText(topic: Topic): Promise<string> {
  if (isAdminCommand(topic)) return commandHelp(topic, await loadAdminCommand(topic));
  return await OWN_TOPICS[topic]();
}

async function mainHelp(): Promise<string> {
  const [inspect, control] = await Promise.all([summariesOf("inspect"), summariesOf("control")]);
  return [
    RUNNING,
    `Inspect a running proxy (it needs admin.listen):\n${inspect}`,
    `Control a running proxy (it needs admin.listen):\n${control}`,
    ABOUT,
    REFERENCE,
  ].join("\n");
}
