/**
 * sluice, a TCP proxy: run as a program, or import to start one inside a test.
 *
 * ```ts
 * import { startProxy } from "@sluice/sluice";
 *
 * await using proxy = await startProxy({ upstream: "127.0.0.1:5432" });
 * console.log(proxy.address); // 127.0.0.1:40123
 * ```
 *
 * @module
 */

import { EarlySignals } from "./src/runtime/control/signals.ts";

export { AdminListenError } from "./src/runtime/admin/listen_error.ts";
export type { ReloadOutcome } from "./src/admin/backend.ts";
export { ConfigError, type Position, type Problem } from "./src/config/config_error.ts";
export type { Filter, FilterContext, FilterFactory } from "./src/config/filter.ts";
export type { SingleProxyOptions } from "./src/config/single_options.ts";
export type * from "./src/config/options.ts";
export { ListenError } from "./src/net/socket/listen_error.ts";
export { LogFileError } from "./src/observe/log/access_file.ts";
export type { Counts } from "./src/observe/counters/columns.ts";
export type * from "./src/observe/events/events.ts";
export type { ServiceFigures } from "./src/observe/metrics/service_figures.ts";
export type {
  DiscoveryFigures,
  EndpointFigures,
  PoolFigures,
  QueueFigures,
  UpstreamFigures,
} from "./src/observe/metrics/upstream_figures.ts";
export { DescriptorError } from "./src/runtime/files/descriptors.ts";
export type { StopOptions, StopReport } from "./src/runtime/control/shutdown.ts";
export { type EventOf, type EventWait, WaitTimeoutError } from "./src/runtime/library/event_log.ts";
export { FaultError, FaultsDisabledError } from "./src/runtime/control/fault_error.ts";
export type { AddedFault, FaultChanges, FaultInfo, Faults } from "./src/runtime/library/faults.ts";
export type { OpenConnection } from "./src/runtime/library/open_connections.ts";
export type { RunningProxy, RunningService } from "./src/runtime/library/running_proxy.ts";
export { startProxy } from "./src/runtime/start_proxy.ts";

if (import.meta.main) {
  // Before the program itself is loaded: that takes tens of milliseconds, during which these signals would
  // kill it. The imports above are therefore few.
  const early = new EarlySignals();
  const { main } = await import("./src/cli/main.ts");
  Deno.exit(await main(Deno.args, early));
}
