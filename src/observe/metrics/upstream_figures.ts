/** Figures of upstream groups, as library users see them. */

import type { Counts } from "../counters/columns.ts";

/**
 * The figures of one upstream group at one moment, of all threads.
 *
 * @example The endpoints of a group
 * ```ts
 * import assert from "node:assert/strict";
 * import { startProxy, type UpstreamFigures } from "@sluice/sluice";
 *
 * await using proxy = await startProxy({ services: [{ name: "db", listen: 0, upstream: "127.0.0.1:5432" }] });
 * const [group]: UpstreamFigures[] = proxy.upstreams();
 * assert.deepEqual(group!.endpoints.map(({ address }) => address), ["127.0.0.1:5432"]);
 * ```
 */
export interface UpstreamFigures {
  /** The name of the group. */
  readonly name: string;
  /** Its endpoints, in the order of the configuration or of their source; those from DNS are sorted. */
  readonly endpoints: readonly EndpointFigures[];
  /** The address of the endpoint that all new connections go to; undefined unless `stick` is on and it was chosen. */
  readonly stuck: string | undefined;
  /** Of all services that use the group; undefined without a pool. */
  readonly pool: PoolFigures | undefined;
  /** The clients that wait for a place at an endpoint; undefined without a queue. */
  readonly queue: QueueFigures | undefined;
  /** Clients that wait until an endpoint is up. */
  readonly waiting: number;
  /** How the source of its endpoints is doing; undefined for those of the configuration. */
  readonly discovery: DiscoveryFigures | undefined;
}

/**
 * How the source of a group's endpoints is doing.
 *
 * @example Whether the endpoints of a group are up to date
 * ```ts
 * import assert from "node:assert/strict";
 * import { type DiscoveryFigures, startProxy } from "@sluice/sluice";
 *
 * const isFresh = ({ error }: DiscoveryFigures) => error === undefined;
 * const upstream = { endpoints: ["localhost:5432"], discovery: { dns: "a" } } as const;
 * await using proxy = await startProxy({ services: [{ name: "db", listen: 0, upstream }] });
 * const discovery = proxy.upstreams()[0]!.discovery!;
 * assert.equal(discovery.source, "dns");
 * console.log(isFresh(discovery) ? "up to date" : discovery.error);
 * ```
 */
export interface DiscoveryFigures {
  /** The key of the configuration: `dns`, `file`. */
  readonly source: string;
  /** Where the endpoints come from, in words. */
  readonly description: string;
  /** When the source last answered, in milliseconds since 1970; undefined before that. */
  readonly lastSuccess: number | undefined;
  /** Missing or unusable answers since the start. */
  readonly failures: number;
  /** What could not be asked the last time, and why; undefined while everything answers. */
  readonly error: string | undefined;
}

/**
 * The figures of the queue of a group, in all threads.
 *
 * @example How many clients wait
 * ```ts
 * import assert from "node:assert/strict";
 * import { type QueueFigures, startProxy } from "@sluice/sluice";
 *
 * const upstream = { endpoints: [{ address: "127.0.0.1:5432", maxConnections: 10 }], queue: "5s" } as const;
 * await using proxy = await startProxy({ services: [{ name: "db", listen: 0, upstream }] });
 * const queue: QueueFigures = proxy.upstreams()[0]!.queue!;
 * assert.equal(queue.length, 0);
 * ```
 */
export interface QueueFigures {
  /** Clients that wait for a place. */
  readonly length: number;
  /** Clients that have waited, whether they got a place or not. */
  readonly waited: number;
  /** Clients that got no place in time. */
  readonly timeouts: number;
  /** Clients that found the queue full. */
  readonly refused: number;
}

/**
 * The figures of one endpoint of a group.
 *
 * @example Whether new connections go to an endpoint
 * ```ts
 * import assert from "node:assert/strict";
 * import { type EndpointFigures, startProxy } from "@sluice/sluice";
 *
 * function isUsed({ state, admin }: EndpointFigures): boolean {
 *   return admin === "up" && (state === "up" || state === "unknown");
 * }
 * await using proxy = await startProxy({ services: [{ name: "db", listen: 0, upstream: "127.0.0.1:5432" }] });
 * assert.ok(isUsed(proxy.upstreams()[0]!.endpoints[0]!));
 * ```
 */
export interface EndpointFigures {
  /** Where it is: `127.0.0.1:5432`, `unix:/run/x.sock`. */
  readonly address: string;
  /** `unknown` before the first health check and without one; `ejected` after failures of real connections. */
  readonly state: "unknown" | "up" | "down" | "ejected";
  /** Set by an operator: `drain` gets no new connections, `down` also closes open ones. */
  readonly admin: "up" | "down" | "drain";
  /** The share of connections, in proportion to the weights of the others. */
  readonly weight: number;
  /** The lowest tier with a usable endpoint is used; `backup: true` is tier 1. */
  readonly tier: number;
  /** Open connections of clients. */
  readonly active: number;
  /** 0 is no limit. */
  readonly maxConnections: number;
  /** Connections made since the start, including those opened ahead. */
  readonly connects: number;
  /** Attempts to connect that failed. */
  readonly failures: number;
  /** Failed attempts by reason, such as `connect_timeout`. */
  readonly failuresBy: Counts;
  /** The last health check; undefined before the first one and without checks. */
  readonly lastCheck: {
    /** `skipped`: sluice had no port or descriptor for it. */
    readonly outcome: "good" | "bad" | "skipped";
    /** In words: `connection refused`, `answered "-ERR" instead of "+PONG"`. */
    readonly cause: string;
    /** In milliseconds. */
    readonly duration: number;
    /** When it ended, in milliseconds since 1970. */
    readonly at: number;
  } | undefined;
}

/**
 * The figures of the pools of a group, of all services together.
 *
 * @example How often a client found a connection waiting
 * ```ts
 * import assert from "node:assert/strict";
 * import { type PoolFigures, startProxy } from "@sluice/sluice";
 *
 * const share = ({ hits, misses }: PoolFigures) => hits / (hits + misses || 1);
 * const upstream = { endpoints: ["127.0.0.1:5432"], pool: { mode: "reuse" } } as const;
 * await using proxy = await startProxy({ services: [{ name: "db", listen: 0, upstream }] });
 * assert.equal(share(proxy.upstreams()[0]!.pool!), 0);
 * ```
 */
export interface PoolFigures {
  /** Idle connections. */
  readonly idle: number;
  /** Clients that got an idle connection. */
  readonly hits: number;
  /** Clients that found no idle connection. */
  readonly misses: number;
  /** Connections closed because they were idle for the whole `max_idle_time`. */
  readonly expired: number;
  /** Connections that the upstream ended while they were idle. */
  readonly lost: number;
}
