/** Filters: what a program may put into the connections of a service. A configuration file cannot hold them. */

import type { Problem } from "./config_error.ts";

/**
 * One connection, as its filter sees it.
 *
 * @example Close the connections of one client
 * ```ts
 * import type { FilterContext } from "@sluice/sluice";
 *
 * function filter({ client, close }: FilterContext): undefined {
 *   if (client.startsWith("192.0.2.7:")) close();
 * }
 * ```
 */
export interface FilterContext {
  /** The number of the connection, as in the log and in `sluice connections`. */
  readonly id: number;
  /** The name of the service. */
  readonly service: string;
  /** The client's address, as in the log: `192.0.2.7:40123`. */
  readonly client: string;
  /** The name that the client asked for in its ClientHello. */
  readonly serverName: string | undefined;
  /** The address of the upstream that it is connected to. */
  readonly endpoint: string;
  /** Aborted when the connection ends: timers of a filter end with it. */
  readonly signal: AbortSignal;
  /**
   * Closes the connection, with the reason `filter_closed`. What was already passed on is delivered, which may take up
   * to a second.
   */
  close(): void;
  /**
   * Resets both sides, with the reason `filter_closed`. With `faults: false` and `reset: "close"`, closes them instead.
   */
  reset(): void;
  /**
   * A number from 0 to below 1, as `Math.random()`, but repeatable: its sequence depends on the `seed` of the proxy,
   * the service, and the number of the connection there.
   */
  random(): number;
}

/**
 * What the bytes of one connection pass through. A direction without a stream is relayed as it is.
 *
 * @example Count what the client sends
 * ```ts
 * import type { Filter } from "@sluice/sluice";
 *
 * let bytes = 0;
 * const filter: Filter = {
 *   upload: new TransformStream<Uint8Array, Uint8Array>({
 *     transform(chunk, controller) {
 *       bytes += chunk.byteLength;
 *       controller.enqueue(chunk);
 *     },
 *   }),
 * };
 * ```
 */
export interface Filter {
  /** For what the client sends. */
  readonly upload?: ReadableWritablePair<Uint8Array, Uint8Array>;
  /** For what the upstream sends. */
  readonly download?: ReadableWritablePair<Uint8Array, Uint8Array>;
}

/**
 * Makes the filter of a connection, once its upstream is connected. Streams may keep, change, split and drop chunks;
 * each chunk has a buffer of its own. The `flush()` of a stream is called when its side has finished sending. A stream
 * that ends early (`terminate()`) ends its direction as if the sender had finished: the rest of it is discarded.
 *
 * An error in a filter, also in making it, closes its connection with the reason `filter_error`, and is logged with its
 * stack.
 *
 * @example Upper-case what the upstream sends
 * ```ts
 * import type { FilterFactory } from "@sluice/sluice";
 *
 * const shout: FilterFactory = () => ({
 *   download: new TransformStream<Uint8Array, Uint8Array>({
 *     transform(chunk, controller) {
 *       controller.enqueue(chunk.map((byte) => byte >= 97 && byte <= 122 ? byte - 32 : byte));
 *     },
 *   }),
 * });
 * ```
 */
export type FilterFactory = (context: FilterContext) => Filter | undefined;

/** Options without their filters, which are as a file has them; and the filter of each service. */
export interface TakenFilters<Options> {
  readonly rest: Options;
  readonly filters: readonly (FilterFactory | undefined)[];
  readonly problems: readonly Problem[];
}

export function takeFilters<Options extends { readonly workers?: unknown; readonly services: unknown }>(
  options: Options,
): TakenFilters<Options> {
  const services: unknown = options?.services;
  if (!Array.isArray(services)) return { rest: options, filters: [], problems: [] };
  const filters: unknown[] = services.map((service) => service?.filter);
  const isOneThread = options.workers === undefined || options.workers === 1;
  const problems = filters.flatMap((filter, index) => {
    const path = `services[${index}].filter`;
    if (filter === undefined) return [];
    if (typeof filter !== "function") return [{ path, message: "Expected a function" }];
    return isOneThread
      ? []
      : [{ path, message: "Needs workers: 1, as a function cannot go to other threads" }];
  });
  const rest = services.map((service, index) => {
    if (filters[index] === undefined) return service;
    const { filter: _filter, ...others } = service;
    return others;
  });
  return { rest: { ...options, services: rest }, filters: filters as FilterFactory[], problems };
}
