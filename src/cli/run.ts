/** `sluice -c FILE` and `sluice LISTEN=UPSTREAM ...`: run until told to stop. */

import type { Config } from "../config/config.ts";
import { loadConfigFile } from "../config/load.ts";
import { parseQuickForm } from "../config/quick.ts";
import { guardProcess } from "../runtime/guard.ts";
import { type Log, stderrLog } from "../runtime/process_log.ts";
import { type RunningProxy, runProxy, type StopReport } from "../runtime/proxy.ts";
import { onStopSignals } from "../runtime/signals.ts";
import type { RunFlags, Source } from "./args.ts";
import { announceReady, removeStaleReadyFile } from "./ready.ts";

/**
 * Runs until a signal, then drains.
 *
 * @throws {ConfigError} when the configuration is wrong
 * @throws {ListenError} when an address cannot be bound
 * @throws {RunError} when the ready file cannot be written
 */
export async function run(source: Source, flags: RunFlags): Promise<void> {
  const config = withFlags(await configOf(source), flags);
  const log = stderrLog(config.log);
  using _guard = guardProcess(log);
  await removeStaleReadyFile(flags);
  await using proxy = await runProxy(config, log);
  for (const { name, listen } of proxy.services) {
    log.info(`${name}: listening on ${listen.join(", ")}`, {
      event: "listening",
      service: name,
      listen: listen.join(","),
    });
  }
  const stopped = untilStopped(proxy, log);
  await announceReady(proxy, flags);
  await stopped;
  await log.flush();
}

function configOf(source: Source): Promise<Config> | Config {
  return source.kind === "file"
    ? loadConfigFile(source.path, (name) => Deno.env.get(name))
    : parseQuickForm(source.pairs);
}

/** Flags win over the file. */
export function withFlags(config: Config, flags: RunFlags): Config {
  const { level, format } = config.log;
  return { ...config, log: { level: flags.logLevel ?? level, format: flags.logFormat ?? format } };
}

/** The first signal drains, a second one cuts. */
async function untilStopped(proxy: RunningProxy, log: Log): Promise<void> {
  const stopped = Promise.withResolvers<StopReport>();
  let signals = 0;
  // Never taken back: with the default action restored, a late signal would kill the program before its exit code.
  onStopSignals((signal) => {
    signals += 1;
    if (signals > 1) return void proxy.stop({ drain: 0 });
    const open = proxy.figures().reduce((sum, service) => sum + service.active, 0);
    stopped.resolve(proxy.stop());
    const hint = open === 0 ? "" : `, waiting for ${open} open ${connections(open)}`;
    log.info(`${signal}: no longer accepting${hint}`, { event: "stopping", signal, open });
  });
  const { cut } = await stopped.promise;
  log.info(cut === 0 ? "Stopped" : `Stopped, ${cut} ${connections(cut)} cut`, { event: "stopped", cut });
}

function connections(count: number): string {
  return count === 1 ? "connection" : "connections";
}
