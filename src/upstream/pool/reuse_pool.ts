/** Reuses connections of earlier clients, for protocols without session state. */

import type { PoolConfig } from "../../config/config.ts";
import type { Conn } from "../../net/socket/conn.ts";
import type { UpstreamRow } from "../../observe/counters/accounts.ts";
import type { Endpoint } from "../endpoint.ts";
import { IdleConnList } from "./idle_conn_list.ts";
import type { Permit } from "./connection_semaphore.ts";
import type { Pool } from "./pool.ts";
import { ReuseConn } from "./reuse_conn.ts";

export class ReusePool implements Pool {
  readonly #config: PoolConfig;
  readonly #shelf: IdleConnList<ReuseConn>;
  readonly #cells: UpstreamRow["cells"];
  #stopped = false;

  /** @param row The accounts of the group. */
  constructor(config: PoolConfig, { cells }: Pick<UpstreamRow, "cells">) {
    this.#config = config;
    this.#cells = cells;
    this.#shelf = new IdleConnList({ maxIdleTime: config.maxIdleTime, cells, onExpired: () => {} });
  }

  take(endpoint: Endpoint): Promise<Conn | Permit | undefined> {
    // Takes the newest, so that surplus ones expire.
    const conn = this.#shelf.take(endpoint, "newest");
    this.#cells[conn === undefined ? "poolMisses" : "poolHits"].add();
    return Promise.resolve(conn?.use() ?? endpoint.permits.tryAcquire());
  }

  adopt(endpoint: Endpoint, conn: Conn, isCurrent: () => boolean): Conn {
    const { quiet, maxUses, maxIdle } = this.#config;
    return new ReuseConn(conn, {
      quiet,
      maxUses,
      onFree: (free) => {
        const isKept = !this.#stopped && isCurrent() && endpoint.isUp && !endpoint.permits.isWanted &&
          this.#shelf.count(endpoint) < maxIdle;
        if (isKept) this.#shelf.put(endpoint, free);
        else free.close();
      },
      onLost: (lost) => {
        if (!this.#shelf.remove(endpoint, lost)) return;
        this.#cells.poolLost.add();
        lost.close();
      },
    }).use();
  }

  drop(endpoint: Endpoint): void {
    this.#shelf.drop(endpoint);
  }

  renew(): void {
    this.#shelf.clear();
  }

  dropOne(endpoint: Endpoint): boolean {
    return this.#shelf.dropOne(endpoint);
  }

  stop(): Promise<void> {
    this.#stopped = true;
    this.#shelf.clear();
    return Promise.resolve();
  }
}
