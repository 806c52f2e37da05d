/** `sluice gateway`: a proxy whose services are what the Gateway API of a Kubernetes cluster asks for. */

import { tmpdir } from "node:os";
import type { Config } from "../../config/config.ts";
import { isIpAddress } from "../../config/values/address_text.ts";
import { readFault, writeFault } from "../../files/file_fault.ts";
import { withRemedy } from "../../files/permission_fault.ts";
import { readFile } from "../../files/read_file.ts";
import { GatewayController } from "../../gateway/controller.ts";
import { CONTROLLER_NAME } from "../../gateway/names.ts";
import { ROOM } from "../../gateway/translation/room.ts";
import type { Named } from "../../gateway/resources/meta.ts";
import { type EarlySignals, onStopSignals } from "../../runtime/control/signals.ts";
import type { ConfigSource, Proxy } from "../../runtime/proxy.ts";
import { apiServerOf } from "../../upstream/discovery/kubernetes/service_account.ts";
import { tokenIn } from "../../upstream/discovery/token_file.ts";
import { runFlagsOf } from "../args.ts";
import { decodeOptionConfig } from "../option_config.ts";
import { Options } from "../options.ts";
import { print } from "../output.ts";
import { RunError } from "../run_error.ts";
import { runConfig, withFlags } from "../run.ts";
import { UsageError } from "../usage.ts";

export const GATEWAY_HELP = `Usage: sluice gateway [OPTIONS]

Serves the Gateways of a Kubernetes cluster: listens on the ports of their listeners, sends clients where TCPRoutes and
TLSRoutes say, and writes back what became of each. It needs the Gateway API 1.6; docs/deploy/gateway.md has the rights,
the manifests and what is supported.

Options:
      --gateway-class NAME  the GatewayClass whose Gateways it serves: sluice (default). Its controllerName must be
                          ${CONTROLLER_NAME}
      --gateway NAMESPACE/NAME
                          the only Gateway to serve; left out, all of the class, which then share their ports
      --listen HOST       the IP address to listen on; left out, all addresses
      --address ADDRESS   an IP address or a name at which clients reach it, for the status; may be repeated
      --service NAMESPACE/NAME
                          the Service through which clients reach it: its addresses are in the status
      --server URL        the API server; left out, that of the cluster that it runs in
      --token-file FILE   a token for the API server; left out, that of the pod's service account
      --ca FILE           authorities that the API server's certificate may be from; left out, those of the pod
      --idle-timeout DURATION
                          ends connections after this time without a byte: 10m (default); 0 is never
      --drain DURATION    how long a stop waits for open connections: 30s (default)
      --admin ADDRESS     where the admin interface listens; left out, there is none. Its token is SLUICE_TOKEN
      --workers N         threads that relay: 1 (default) to 256, or auto for one per CPU
      --log-level LEVEL   debug, info (default), warn or error
      --log-format FORMAT text (default) or json
      --print-ready       print one line of JSON on stdout once all listeners are served
      --ready-file PATH   write the same line to PATH
      --stop-at-eof       stop when standard input ends
  -h, --help              this text

Exit codes: 0 stopped, 1 could not run, 2 wrong usage.
`;

/** Why it is not ready until the cluster is known. */
const NOT_READY = "gateway";
/** SIGHUP rereads certificates and reopens log files alone: changes of the cluster need no signal. */
const SOURCE: ConfigSource = {
  path: "the Gateway API",
  load: undefined,
  awaits: [NOT_READY],
  room: ROOM,
  locate: (error) => Promise.resolve(error),
};

/** For certificates and keys. @throws {RunError} */
async function makeFolder(): Promise<string> {
  let directory: string | undefined;
  try {
    directory = await Deno.makeTempDir({ prefix: "sluice-gateway-" });
    // They are read from there too.
    await Deno.stat(directory);
    return directory;
  } catch (cause) {
    if (directory !== undefined) await Deno.remove(directory).catch(() => {});
    const folder = tmpdir();
    throw new RunError(
      `Cannot make a folder for certificates in "${folder}": ${withRemedy(writeFault(cause, folder))}`,
      { cause },
    );
  }
}

/**
 * Runs until a signal.
 *
 * @throws {UsageError} also when a file of an option cannot be read
 * @throws {AdminListenError} when the admin interface cannot be bound
 * @throws {RunError} when it is stopped before the cluster is known
 */
export async function serveGateway(
  args: readonly string[],
  early: EarlySignals,
  env: (name: string) => string | undefined = (name) => Deno.env.get(name),
): Promise<void> {
  const options = new Options(args, {
    string: [
      ...["gateway-class", "gateway", "listen", "address", "service", "server", "token-file", "ca"],
      ...["idle-timeout", "drain", "admin", "workers", "log-level", "log-format", "ready-file"],
    ],
    boolean: ["print-ready", "stop-at-eof", "help"],
    alias: { h: "help" },
  }, "gateway");
  if (options.has("help")) return print(GATEWAY_HELP.trimEnd());
  options.refuseWords("it takes options only");
  const server = serverOf(options, env);
  const flags = runFlagsOf(options);
  const config = withFlags(configOf(options, env), flags);
  await checkFiles(server, options);
  const directory = await makeFolder();
  await using stack = new AsyncDisposableStack();
  stack.defer(() => Deno.remove(directory, { recursive: true }));
  const gateway = {
    className: options.string("gateway-class") ?? "sluice",
    gateway: nameIn(options, "gateway"),
    addresses: options.strings("address"),
    service: nameIn(options, "service"),
  };
  const start = async (proxy: Proxy) => {
    const { log, discoveryFiles } = proxy.supervisor.parts;
    const controller = stack.use(
      new GatewayController({
        server,
        gateway,
        parts: discoveryFiles.parts,
        log,
        host: hostOf(options),
        directory,
        defaults: defaultsOf(options),
        change: (name, change) => proxy.changeService(name, change),
        isStopping: () => proxy.isStopping,
      }),
    );
    await started(controller, proxy);
  };
  await runConfig(config, { flags, early, source: SOURCE, untilReady: start });
}

/** Waits until all is served. The first process of a container is not ended by a signal that it does not handle. */
async function started(controller: GatewayController, proxy: Proxy): Promise<void> {
  let stoppedBy: Deno.Signal | undefined;
  using _signals = onStopSignals((signal) => {
    stoppedBy = signal;
    void controller[Symbol.asyncDispose]();
  });
  await controller.start();
  if (stoppedBy !== undefined) {
    throw new RunError(`Stopped by ${stoppedBy} before the API server had answered`);
  }
  proxy.notReady.delete(NOT_READY);
}

function serverOf(options: Options, env: (name: string) => string | undefined) {
  const [url, tokenFile, ca] = [options.string("server"), options.string("token-file"), options.string("ca")];
  if (url !== undefined && !/^https?:\/\/[^\s/]+/.test(url)) {
    const message = "expected an address such as https://10.0.0.1:6443";
    throw options.unusable("server", message);
  }
  const server = apiServerOf({ server: url, tokenFile, ca }, env);
  if (server !== undefined) return server;
  throw new UsageError("No API server: this program does not run in a pod, give --server URL", "gateway");
}

function nameIn(options: Options, option: "gateway" | "service"): Named | undefined {
  const text = options.string(option);
  if (text === undefined) return undefined;
  const [, namespace, name] = /^([^/\s]+)\/([^/\s]+)$/.exec(text) ?? [];
  if (namespace !== undefined && name !== undefined) return { namespace, name };
  throw options.unusable(option, "expected NAMESPACE/NAME");
}

/**
 * Reads the files for the API server. They are read again for each request, but one that is missing at the start would
 * keep the program from ever being ready.
 */
async function checkFiles(server: ReturnType<typeof serverOf>, options: Options): Promise<void> {
  const unreadable = (option: string, path: string, why: string) => {
    const isGiven = options.string(option) !== undefined;
    const what = isGiven ? `--${option} "${path}"` : `"${path}" of the pod's service account`;
    const remedy = isGiven ? "" : `; outside a pod, or without that account, give --${option} FILE`;
    return new UsageError(`Cannot read ${what}: ${why}${remedy}`, "gateway");
  };
  const read = async (option: string, path: string) => {
    try {
      return await readFile(path);
    } catch (cause) {
      throw unreadable(option, path, withRemedy(readFault(cause)));
    }
  };
  const { tokenFile, caFile } = server;
  if (caFile !== undefined) await read("ca", caFile);
  if (tokenFile === undefined) return;
  const bytes = await read("token-file", tokenFile);
  await tokenIn(tokenFile, { read: () => Promise.resolve(bytes) }).catch(() => {
    throw unreadable("token-file", tokenFile, "expected one word of printable ASCII characters");
  });
}

/** As an address to listen on has it; empty for all addresses. */
function hostOf(options: Options): string {
  const written = options.string("listen") ?? "";
  const host = /^\[(.*)\]$/.exec(written)?.[1] ?? written;
  if (host !== "" && !isIpAddress(host)) {
    const message = "expected an IP address of this machine without a port, such as 127.0.0.1 or ::1; " +
      "leave it out for all addresses";
    throw options.unusable("listen", message);
  }
  return host.includes(":") ? `[${host}]` : host;
}

/** The keys that the services of all ports have. */
function defaultsOf(options: Options) {
  return { idle_timeout: options.string("idle-timeout") ?? "10m" };
}

/** What holds for the whole program. A file has at least one service; this program begins with none. */
function configOf(options: Options, env: (name: string) => string | undefined): Config {
  const listen = options.string("admin");
  const token = env("SLUICE_TOKEN");
  const drain = options.string("drain");
  const input = {
    ...listen === undefined ? {} : { admin: { listen, ...token ? { token } : {} } },
    ...drain === undefined ? {} : { shutdown: { drain } },
    // Decoded here, so that a wrong value ends the start and not the first change.
    defaults: defaultsOf(options),
    services: [{ name: "none", listen: `${hostOf(options)}:0`, upstream: "unix:/nonexistent" }],
  };
  const decoded = decodeOptionConfig(input, options, {
    "admin.listen": { option: "admin" },
    "admin.token": { variable: "SLUICE_TOKEN" },
    "shutdown.drain": { option: "drain" },
    "defaults.idle_timeout": { option: "idle-timeout" },
  });
  return { ...decoded, services: [], upstreams: [] };
}
