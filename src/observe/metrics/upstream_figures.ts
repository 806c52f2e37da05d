/** Figures of upstream groups, as library users see them. */

import type { Counts } from "../counters/columns.ts";

/** The figures of one upstream group at one moment, of all threads. */
export interface UpstreamFigures {
  /** The name of the group. */
  readonly name: string;
  /** Its endpoints, in the order of the configuration or as DNS lists them. */
  readonly endpoints: readonly EndpointFigures[];
  /** Of all services that use the group; undefined without a pool. */
  readonly pool: PoolFigures | undefined;
}

/** The figures of one endpoint of a group. */
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

/** The figures of the pools of a group, of all services together. */
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
