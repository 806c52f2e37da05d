/** `sluice toxiproxy`: a server for clients of toxiproxy, with the options of its own. */

import type { Config } from "../../config/config.ts";
import type { EarlySignals } from "../../runtime/control/signals.ts";
import type { Proxy } from "../../runtime/proxy.ts";
import { runFlagsOf } from "../args.ts";
import { decodeOptionConfig } from "../option_config.ts";
import { Options } from "../options.ts";
import { print } from "../output.ts";
import { readJson } from "../read_json.ts";
import { RunError } from "../run_error.ts";
import { runConfig, withFlags } from "../run.ts";
import { ToxiproxyClient, ToxiproxyRequestError } from "./client.ts";

export const TOXIPROXY_HELP = `Usage: sluice toxiproxy [OPTIONS]

Serves the HTTP API of toxiproxy, for its client libraries as they are. It begins without a proxy: clients create them.
Options may have one dash, as those of toxiproxy-server have. docs/toxiproxy.md says what differs.

Options:
      --host HOST         where the API listens: localhost (default)
      --port PORT         its port: 8474 (default); 0 takes a free one
      --config FILE       a JSON file with proxies to create, as for POST /populate
      --seed N            the seed of everything random; printed when it is left out
      --proxy-metrics     accepted; /metrics always has the metrics of proxies
      --runtime-metrics   accepted; /metrics always has those of the process
      --admin ADDRESS     where the web page and sluice's own API listen: a free port of 127.0.0.1 (default)
      --workers N         threads that relay: 1 (default) to 256, or auto for one per CPU
      --log-level LEVEL   debug, info (default), warn or error
      --log-format FORMAT text (default) or json
      --print-ready       print one line of JSON on stdout once everything listens
      --ready-file PATH   write the same line to PATH
      --stop-at-eof       stop when standard input ends
  -h, --help              this text

Exit codes: 0 stopped, 1 could not run, 2 wrong usage or a file that cannot be used.
`;

/** Milliseconds that the proxies of a file may take. */
const POPULATE_WITHIN = 30_000;

/**
 * Runs until a signal.
 *
 * @throws {UsageError}
 * @throws {ConfigError} when the file cannot be used
 * @throws {AdminListenError} when the address of the API cannot be bound
 * @throws {RunError} when a proxy of the file cannot be created
 */
export async function serveToxiproxy(args: readonly string[], early: EarlySignals): Promise<void> {
  const options = new Options(args.map(withTwoDashes), {
    string: ["host", "port", "config", "seed", "workers", "admin", "log-level", "log-format", "ready-file"],
    boolean: ["proxy-metrics", "runtime-metrics", "print-ready", "stop-at-eof", "help"],
    alias: { h: "help" },
  }, "toxiproxy");
  if (options.has("help")) return print(TOXIPROXY_HELP.trimEnd());
  options.refuseWords("it takes options only");
  const flags = runFlagsOf(options);
  const file = options.string("config");
  const proxies = file === undefined ? undefined : await readJson(file);
  await runConfig(withFlags(configOf(options), flags), {
    flags,
    early,
    onStarted: (proxy) => populate(proxy, proxies, file),
  });
}

/** Go's flags have one dash or two. */
function withTwoDashes(arg: string): string {
  return arg.replace(/^-(?=[a-z]{2})/, "--");
}

function configOf(options: Options): Config {
  const host = options.string("host") ?? "localhost";
  const port = options.string("port") ?? "8474";
  if (!/^\d+$/.test(port) || Number(port) > 65535) {
    throw options.unusable("port", "expected a number from 0 to 65535");
  }
  const bracketed = host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
  const input = {
    faults: true,
    admin: { listen: options.string("admin") ?? "127.0.0.1:0", toxiproxy: `${bracketed}:${port}` },
    // A file has at least one service; this program begins with none.
    services: [{ name: "none", listen: 0, upstream: "127.0.0.1:1" }],
  };
  const decoded = decodeOptionConfig(input, options, {
    "admin.listen": { option: "admin" },
    "admin.toxiproxy": { options: `--host ${host} with --port ${port}` },
  });
  return { ...decoded, services: [], upstreams: [] };
}

async function populate(proxy: Proxy, proxies: unknown, file: string | undefined): Promise<void> {
  if (file === undefined) return;
  const address = proxy.toxiproxy!.replace(/^(0\.0\.0\.0|\[::\]):/, "localhost:");
  try {
    const client = new ToxiproxyClient(`http://${address}`, AbortSignal.timeout(POPULATE_WITHIN));
    await client.request("POST", "/populate", proxies);
  } catch (error) {
    if (error instanceof ToxiproxyRequestError) {
      throw new RunError(`Cannot create the proxies of ${file}: ${error.message}`);
    }
    throw error;
  }
}
