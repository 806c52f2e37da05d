/** What is counted of upstream groups. */

import type { Counts } from "../counters/columns.ts";

export interface UpstreamFigures {
  readonly name: string;
  readonly endpoints: readonly EndpointFigures[];
  /** Of all services that use the group; undefined without a pool. */
  readonly pool: PoolFigures | undefined;
}

export interface EndpointFigures {
  readonly address: string;
  /** `unknown` before the first health check and without one; `ejected` after failures of real connections. */
  readonly state: "unknown" | "up" | "down" | "ejected";
  /** What an operator has said: with `drain` it gets no new connections, with `down` its open ones end too. */
  readonly admin: "up" | "down" | "drain";
  readonly weight: number;
  /** 0 is used first; a higher one only while no lower one can be. */
  readonly tier: number;
  /** Clients' connections open now. */
  readonly active: number;
  /** 0 is no limit. */
  readonly maxConnections: number;
  /** Connections made since the start, those opened ahead included, and attempts that failed, in all and by reason. */
  readonly connects: number;
  readonly failures: number;
  readonly failuresBy: Counts;
}

export interface PoolFigures {
  /** Connections waiting now. */
  readonly idle: number;
  /** Clients that got a waiting connection, and that found none. */
  readonly hits: number;
  readonly misses: number;
  /** Connections that waited too long, and that ended while they waited. */
  readonly expired: number;
  readonly lost: number;
}
