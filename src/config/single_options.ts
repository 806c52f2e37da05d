/** The options of a proxy of one service. */

import type { ProxyOptions, ServiceOptions } from "./options.ts";

/**
 * A proxy of one service: its keys, and those of the whole that do not have the same name. Faults can be added to it
 * while it runs.
 *
 * @example Listen on a port of your choice
 * ```ts
 * import { type SingleProxyOptions, startProxy } from "@sluice/sluice";
 *
 * const options: SingleProxyOptions = { listen: 0, upstream: "127.0.0.1:5432", idleTimeout: "10s" };
 * await using proxy = await startProxy(options);
 * console.log(proxy.port); // 40123
 * ```
 */
export interface SingleProxyOptions
  extends
    Omit<ServiceOptions, "name" | "listen">,
    Pick<ProxyOptions, "workers" | "seed" | "log" | "shutdown" | "upstreams" | "admin"> {
  /** Default: `"proxy"`. */
  readonly name?: string;
  /** Default: `0`, a free port of 127.0.0.1. */
  readonly listen?: ServiceOptions["listen"];
  /** A proxy of several services has them instead. */
  readonly services?: undefined;
}
