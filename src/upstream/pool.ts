/** What a connector asks of a pool, and what a pool counts. */

import type { Conn } from "../net/conn.ts";
import type { PoolFigures } from "../observe/upstream_figures.ts";
import type { Endpoint } from "./endpoint.ts";

export interface Pool {
  /** A waiting connection, for one client. */
  take(endpoint: Endpoint): Promise<Conn | undefined>;
  /** Prepares a connection dialled for a client that found none waiting. */
  adopt(endpoint: Endpoint, conn: Conn): Conn;
  /** Closes what waits for this endpoint. */
  drop(endpoint: Endpoint): void;
  figures(): PoolFigures;
  /** Closes all that wait, and resolves when nothing is under way. */
  stop(): Promise<void>;
}

/** Counts of one pool. */
export class PoolCounts {
  hits = 0;
  misses = 0;
  expired = 0;
  lost = 0;

  /** A client came and found a connection, or none. */
  asked(found: boolean): void {
    if (found) this.hits += 1;
    else this.misses += 1;
  }

  figures(idle: number): PoolFigures {
    const { hits, misses, expired, lost } = this;
    return { idle, hits, misses, expired, lost };
  }
}
