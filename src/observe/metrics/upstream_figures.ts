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
  /** Its endpoints, in the order of the configuration or as DNS lists them. */
  readonly endpoints: readonly EndpointFigures[];
  /** Of all services that use the group; undefined without a pool. */
  readonly pool: PoolFigures | undefined;
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
  /** The lowest tier with a usable endpoint is used: 0, or 1 for backups. */
  readonly tier: number;
  /** Open connections of clients. */
  readonly active: number;
  /** 0 is no limit. */
  readonly maxConnections: number;
  /** Connections made since the start, those opened ahead included. */
  readonly connects: number;
  /** Attempts to connect that failed. */
  readonly failures: number;
  /** The same by reason, such as `connect_timeout`. */
  readonly failuresBy: Counts;
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
  /** Clients that got a waiting connection. */
  readonly hits: number;
  /** Clients that found none. */
  readonly misses: number;
  /** Connections that were closed because they had waited for the whole `max_idle_time`. */
  readonly expired: number;
  /** Connections that the upstream ended while they waited. */
  readonly lost: number;
}
