/** `sluice -c FILE` and `sluice LISTEN=UPSTREAM ...`: runs a proxy until it is stopped. */

import type { Config } from "../config/config.ts";
import type { ProxyOptions } from "../config/options.ts";
import { ConfigFile } from "../config/load.ts";
import { areFaultsEnabled } from "../config/fault.ts";
import { withSeed } from "../config/input/seed.ts";
import { parseQuickForm } from "../config/input/quick.ts";
import { fileInfo } from "../files/read_file.ts";
import { guardProcess } from "../runtime/control/guard.ts";
import { stderrLog } from "../runtime/files/process_log.ts";
import type { Log } from "../observe/log/log.ts";
import { ServiceManager } from "../runtime/control/service_manager.ts";
import { type ConfigSource, type Proxy, runProxy } from "../runtime/proxy.ts";
import { logListening } from "../runtime/control/listen_plans.ts";
import {
  type EarlySignals,
  onReloadSignal,
  onReopenSignal,
  onStopRequests,
} from "../runtime/control/signals.ts";
import type { RunFlags, Source } from "./args.ts";
import { readJson } from "./read_json.ts";
import { announceReady, prepareReadyFile } from "./ready.ts";
import { RunError } from "./run_error.ts";

/**
 * Runs until a signal, then drains.
 *
 * @param early The handlers that caught signals during the start.
 *
 * @throws {ConfigError} when the configuration is wrong
 * @throws {ListenError} when an address cannot be bound
 * @throws {AdminListenError} when the admin interface cannot be bound
 * @throws {LogFileError} when the access log cannot be opened
 * @throws {RunError} when the ready file or line cannot be written, or the proxy cannot continue
 * @throws {OutputError} when standard output takes no ready line
 */
export async function run(source: Source, flags: RunFlags, early: EarlySignals): Promise<void> {
  const file = source.kind === "file" ? new ConfigFile(source.path, (name) => Deno.env.get(name)) : undefined;
  const written = source.kind === "quick"
    ? parseQuickForm(source.pairs, source.faults)
    : source.kind === "options"
    ? await readOptions(source.path)
    : await file!.load();
  await runConfig(withFlags(written, flags), { flags, early, file });
}

/** The options of the library, which may add faults. It logs only errors unless the options say otherwise. */
async function readOptions(path: string): Promise<Config> {
  const { decodeOptions } = await import("../config/library.ts");
  const options = await readJson(path);
  const config = decodeOptions(options as ProxyOptions, { faults: true });
  const isSilent = (options as ProxyOptions).log === undefined;
  return isSilent ? { ...config, log: { ...config.log, level: "error" } } : config;
}

interface RunParts {
  readonly flags: RunFlags;
  readonly early: EarlySignals;
  /** Where the configuration is from. */
  readonly file?: ConfigFile | undefined;
  /** In place of the file. */
  readonly source?: ConfigSource;
  /** Called once everything listens, before the program says so. */
  readonly onStarted?: (proxy: Proxy) => Promise<void>;
  /** Called after that, where the program is ready later. Handles signals from its first turn on until it is done. */
  readonly untilReady?: (proxy: Proxy) => Promise<void>;
}

/** Runs a configuration until a signal: see {@linkcode run}. */
export async function runConfig(
  config: Config,
  { flags, early, file, source, onStarted, untilReady }: RunParts,
): Promise<void> {
  const log = stderrLog(config.log);
  using _guard = guardProcess(log);
  // An error of this function is printed after all lines of the log.
  await using _flushed = { [Symbol.asyncDispose]: () => log.flush() };
  await prepareReadyFile(flags);
  await using manager = ServiceManager.connect((name) => Deno.env.get(name), log);
  await using proxy = await runProxy(
    config,
    log,
    source ?? (file && await sourceOf(file, flags, log)),
    manager,
    flags.takeOver,
  );
  await onStarted?.(proxy);
  for (const service of proxy.supervisor.services) if (!service.isDown) logListening(log, service);
  const { admin, toxiproxy } = proxy;
  if (admin !== undefined) {
    log.info(`Admin interface on ${admin}`, { event: "admin_listening", listen: admin });
  }
  if (toxiproxy !== undefined) {
    log.info(`toxiproxy API listening on ${toxiproxy}`, { event: "toxiproxy_listening", listen: toxiproxy });
  }
  const { seed } = proxy;
  if (areFaultsEnabled(config)) {
    log.info(`Random decisions follow from the seed ${seed}`, { event: "seed", seed });
  }
  // No turn may pass between the first line of the log and the handlers of signals.
  if (untilReady !== undefined) await untilReady(proxy);
  listenToSignals(proxy, early);
  if (flags.stopAtEof) void endOfInput().then(() => proxy.stop({ cause: "end of standard input", drain: 0 }));
  await announce(proxy, flags, log);
  manager?.ready(proxy);
  const { failure } = await proxy.stopped;
  if (failure !== undefined) throw new RunError(failure);
}

/** After a take-over, no other sluice serves the clients: this one goes on where it cannot say that it is ready. */
async function announce(proxy: Proxy, flags: RunFlags, log: Log): Promise<void> {
  try {
    await announceReady(proxy, flags);
  } catch (error) {
    if (!flags.takeOver) throw error;
    log.error((error as Error).message, { event: "ready_not_announced" });
  }
}

/** The configuration that SIGHUP reloads. A command line has no file, and a pipe cannot be read again. */
async function sourceOf(file: ConfigFile, flags: RunFlags, log: Log): Promise<ConfigSource> {
  const isFile = !file.isStandardInput &&
    await fileInfo(file.path).then((info) => info.isFile, () => true);
  if (!isFile) {
    log.info(
      `"${file.path}" cannot be read twice: a reload only rereads certificates and reopens log files`,
      { event: "configuration_piped" },
    );
  }
  return {
    path: file.path,
    load: isFile ? async () => withFlags(await file.load(), flags) : undefined,
    locate: (error) => file.locate(error),
  };
}

/** Flags override the file. */
export function withFlags(config: Config, flags: RunFlags): Config {
  const { level, format } = config.log;
  const log = { ...config.log, level: flags.logLevel ?? level, format: flags.logFormat ?? format };
  const { workers = config.workers, seed = config.seed } = flags;
  return withSeed({ ...config, workers, seed, log });
}

async function endOfInput(): Promise<void> {
  const buffer = new Uint8Array(1024);
  // An error is an end too.
  while (await Deno.stdin.read(buffer).catch(() => null) !== null);
}

/** The first stop signal drains; the second closes connections. */
function listenToSignals(proxy: Proxy, early: EarlySignals): void {
  let signals = 0;
  // The handlers stay: with the default action, a late signal would kill the program before it sets its exit code.
  onStopRequests((signal) => {
    signals += 1;
    void proxy.stop(signals > 1 ? { drain: 0 } : { cause: signal });
  });
  onReloadSignal(() => void proxy.reload());
  onReopenSignal(() => void proxy.reopenLogs());
  early[Symbol.dispose]();
  // A SIGHUP during the start may be due to a change after the file was read.
  if (early.has("SIGHUP")) void proxy.reload();
  else if (early.has("SIGUSR2")) void proxy.reopenLogs();
}
