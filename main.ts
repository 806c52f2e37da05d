/**
 * sluice, a TCP proxy: run as a program, or import to start one inside a test.
 *
 * ```ts
 * import { startProxy } from "./main.ts";
 *
 * await using proxy = await startProxy({
 *   services: [{ name: "db", listen: 0, upstream: "127.0.0.1:5432" }],
 * });
 * const [address] = proxy.services[0].listen; // "127.0.0.1:40123"
 * ```
 *
 * @module
 */

import { main } from "./src/cli/main.ts";

export { ConfigError } from "./src/config/config_error.ts";
export type { ProxyOptions } from "./src/config/library.ts";
export type { ServiceFigures } from "./src/observe/ledger.ts";
export type { EndpointFigures, PoolFigures, UpstreamFigures } from "./src/observe/upstream_figures.ts";
export { DescriptorError } from "./src/runtime/descriptors.ts";
export { LogFileError } from "./src/runtime/process_log.ts";
export { AdminListenError, ListenError } from "./src/runtime/proxy.ts";
export type { BoundService, RunningProxy, StopOptions, StopReport } from "./src/runtime/proxy.ts";
export { startProxy } from "./src/runtime/start_proxy.ts";

if (import.meta.main) Deno.exit(await main(Deno.args));
