/** Connections taken back from their clients, for protocols without session state. */

import type { PoolConfig } from "../config/config.ts";
import type { Conn } from "../net/conn.ts";
import type { PoolFigures } from "../observe/upstream_figures.ts";
import type { Endpoint } from "./endpoint.ts";
import { IdleShelf } from "./idle_shelf.ts";
import type { Place } from "./places.ts";
import { type Pool, PoolCounts } from "./pool.ts";
import { ReuseConn } from "./reuse_conn.ts";

export class ReusePool implements Pool {
  readonly #config: PoolConfig;
  readonly #shelf: IdleShelf<ReuseConn>;
  readonly #counts = new PoolCounts();
  #stopped = false;

  constructor(config: PoolConfig) {
    this.#config = config;
    this.#shelf = new IdleShelf({
      maxIdleTime: config.maxIdleTime,
      onExpired: () => void (this.#counts.expired += 1),
    });
  }

  take(endpoint: Endpoint): Promise<Conn | Place | undefined> {
    // The newest: those that are not needed grow old and go.
    const conn = this.#shelf.take(endpoint, "newest");
    this.#counts.asked(conn !== undefined);
    return Promise.resolve(conn?.use() ?? endpoint.places.take());
  }

  adopt(endpoint: Endpoint, conn: Conn): Conn {
    const { quiet, maxUses, maxIdle } = this.#config;
    return new ReuseConn(conn, {
      quiet,
      maxUses,
      onFree: (free) => {
        const isWanted = !this.#stopped && endpoint.isUp && this.#shelf.count(endpoint) < maxIdle;
        if (isWanted) this.#shelf.put(endpoint, free);
        else free.close();
      },
      onLost: (lost) => {
        if (!this.#shelf.remove(endpoint, lost)) return;
        this.#counts.lost += 1;
        lost.close();
      },
    }).use();
  }

  drop(endpoint: Endpoint): void {
    this.#shelf.drop(endpoint);
  }

  dropOne(endpoint: Endpoint): boolean {
    return this.#shelf.dropOne(endpoint);
  }

  figures(): PoolFigures {
    return this.#counts.figures(this.#shelf.count());
  }

  stop(): Promise<void> {
    this.#stopped = true;
    this.#shelf.clear();
    return Promise.resolve();
  }
}
