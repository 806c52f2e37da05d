/** What a connector asks of a pool, and what a pool counts. */

import type { Conn } from "../net/conn.ts";
import type { PoolFigures } from "../observe/upstream_figures.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Place } from "./places.ts";

export interface Pool {
  /** For one client: a waiting connection, else the place to open one; undefined when there is none left. */
  take(endpoint: Endpoint): Promise<Conn | Place | undefined>;
  /** Prepares a connection dialled for a client that found none waiting. */
  adopt(endpoint: Endpoint, conn: Conn): Conn;
  /** Closes what waits for this endpoint. */
  drop(endpoint: Endpoint): void;
  /** Closes one that waits, and tells whether one did. */
  dropOne(endpoint: Endpoint): boolean;
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
