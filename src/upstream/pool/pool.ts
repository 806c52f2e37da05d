/** The pool that a connector uses, and the figures of pools. */

import type { Conn } from "../../net/socket/conn.ts";
import type { UpstreamRow } from "../../observe/counters/accounts.ts";
import type { PoolFigures } from "../../observe/metrics/upstream_figures.ts";
import type { Endpoint } from "../endpoint.ts";
import type { Permit } from "./connection_semaphore.ts";

export interface Pool {
  /** Takes an idle connection for a client, else a permit to open one; undefined when there is neither. */
  take(endpoint: Endpoint): Promise<Conn | Permit | undefined>;
  /**
   * Prepares a connection that was dialled for a client without an idle one.
   *
   * @param isCurrent Whether it matches the current settings; if not, it serves no other client.
   */
  adopt(endpoint: Endpoint, conn: Conn, isCurrent: () => boolean): Conn;
  /** Closes all idle connections of this endpoint. */
  drop(endpoint: Endpoint): void;
  /** The connection settings have changed: closes all idle connections, and those that are being opened. */
  renew(): void;
  /** Closes one idle connection; false if there is none. */
  dropOne(endpoint: Endpoint): boolean;
  /** Closes all idle connections; resolves when none is being opened. */
  stop(): Promise<void>;
}

/** The figures of all pools of a group, in all threads. */
export function poolFiguresOf(row: UpstreamRow): PoolFigures {
  const { poolHits, poolMisses, poolExpired, poolLost, poolShelved, poolUnshelved } = row.figures();
  return {
    idle: poolShelved - poolUnshelved,
    hits: poolHits,
    misses: poolMisses,
    expired: poolExpired,
    lost: poolLost,
  };
}
