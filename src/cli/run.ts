/** `sluice -c FILE` and `sluice LISTEN=UPSTREAM ...`: runs a proxy until it is stopped. */

import type { Config } from "../config/config.ts";
import { ConfigFile } from "../config/load.ts";
import { parseQuickForm } from "../config/input/quick.ts";
import { fileInfo } from "../files/read_file.ts";
import { guardProcess } from "../runtime/control/guard.ts";
import { stderrLog } from "../runtime/files/process_log.ts";
import type { Log } from "../observe/log/log.ts";
import { type ConfigSource, type RunningProxy, runProxy } from "../runtime/proxy.ts";
import { logListening } from "../runtime/control/reloader.ts";
import {
  type EarlySignals,
  onReloadSignal,
  onReopenSignal,
  onStopRequests,
} from "../runtime/control/signals.ts";
import type { RunFlags, Source } from "./args.ts";
import { announceReady, removeStaleReadyFile, RunError } from "./ready.ts";

/**
 * Runs until a signal, then drains.
 *
 * @param early The handlers that caught signals during the start.
 *
 * @throws {ConfigError} when the configuration is wrong
 * @throws {ListenError} when an address cannot be bound
 * @throws {AdminListenError} when the admin interface cannot be bound
 * @throws {LogFileError} when the access log cannot be opened
 * @throws {RunError} when the ready file cannot be written, or the proxy cannot continue
 */
export async function run(source: Source, flags: RunFlags, early: EarlySignals): Promise<void> {
  const file = source.kind === "file" ? new ConfigFile(source.path, (name) => Deno.env.get(name)) : undefined;
  const written = source.kind === "quick" ? parseQuickForm(source.pairs) : await file!.load();
  const config = withFlags(written, flags);
  const log = stderrLog(config.log);
  using _guard = guardProcess(log);
  await removeStaleReadyFile(flags);
  await using proxy = await runProxy(config, log, file && await sourceOf(file, flags, log));
  for (const { name, listen } of proxy.services) logListening(log, name, listen);
  if (proxy.admin !== undefined) {
    log.info(`Admin interface on ${proxy.admin}`, { event: "admin_listening", listen: proxy.admin });
  }
  listenToSignals(proxy, early);
  await announceReady(proxy, flags);
  const { failure } = await proxy.stopped;
  await log.flush();
  if (failure !== undefined) throw new RunError(failure);
}

/** What SIGHUP reloads. A command line has no file, and a pipe cannot be read again. */
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
  return { ...config, workers: flags.workers ?? config.workers, log };
}

/** The first stop signal drains; the second closes connections. */
function listenToSignals(proxy: RunningProxy, early: EarlySignals): void {
  let signals = 0;
  // Handlers stay: with the default action, a late signal would kill the program before it sets its exit code.
  onStopRequests((signal) => {
    signals += 1;
    void proxy.stop(signals > 1 ? { drain: 0 } : { cause: signal });
  });
  onReloadSignal(() => void proxy.reload());
  onReopenSignal(() => void proxy.reopenLogs());
  early[Symbol.dispose]();
  // A signal during the start may be about a file that had already been read.
  if (early.has("SIGHUP")) void proxy.reload();
  else if (early.has("SIGUSR2")) void proxy.reopenLogs();
}
