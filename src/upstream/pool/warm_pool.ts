/** Connections opened ahead, each for one client. */

import type { PoolConfig } from "../../config/config.ts";
import type { Conn } from "../../net/socket/conn.ts";
import type { UpstreamRow } from "../../observe/counters/accounts.ts";
import type { Endpoint } from "../endpoint.ts";
import { IdleConnList } from "./idle_conn_list.ts";
import type { Permit } from "./connection_semaphore.ts";
import type { Pool } from "./pool.ts";
import { WarmConn } from "./warm_conn.ts";

/** The first and the longest pause after a connection could not be opened, in milliseconds. */
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 5000;

/** The state of the pool for one endpoint. */
interface Supply {
  /** Connections being opened. */
  opening: number;
  /** The time of the last client, and the earliest time for another attempt after a failure; as `performance.now()`. */
  lastClient: number;
  notBefore: number;
  pause: number;
}

export class WarmPool implements Pool {
  readonly #config: PoolConfig;
  readonly #open: (endpoint: Endpoint, permit: Permit) => Promise<Conn>;
  readonly #shelf: IdleConnList<WarmConn>;
  readonly #supplies = new Map<Endpoint, Supply>();
  readonly #opening = new Set<Promise<void>>();
  readonly #cells: UpstreamRow["cells"];
  #stopped = false;

  /**
   * @param open Dials an endpoint, owns the permit, and counts the result.
   * @param row The accounts of the group.
   */
  constructor(
    config: PoolConfig,
    open: (endpoint: Endpoint, permit: Permit) => Promise<Conn>,
    { cells }: Pick<UpstreamRow, "cells">,
  ) {
    this.#config = config;
    this.#cells = cells;
    this.#open = open;
    this.#shelf = new IdleConnList({
      maxIdleTime: config.maxIdleTime,
      cells,
      onExpired: (endpoint, conn) => this.#replace(endpoint, conn),
    });
  }

  async take(endpoint: Endpoint): Promise<Conn | Permit | undefined> {
    const conn = await this.#takeAlive(endpoint);
    this.#cells[conn === undefined ? "poolMisses" : "poolHits"].add();
    this.#supplyOf(endpoint).lastClient = performance.now();
    // The client has priority over filling the pool.
    const found = conn ?? endpoint.permits.tryAcquire();
    this.fill(endpoint);
    return found;
  }

  adopt(_endpoint: Endpoint, conn: Conn): Conn {
    return conn;
  }

  /** Opens the missing connections, as far as the endpoint has permits. */
  fill(endpoint: Endpoint): void {
    const supply = this.#supplyOf(endpoint);
    if (this.#stopped || !endpoint.isUp || performance.now() < supply.notBefore) return;
    while (this.#shelf.count(endpoint) + supply.opening < this.#config.maxIdle) {
      const permit = endpoint.permits.tryAcquire();
      if (permit === undefined) return;
      supply.opening += 1;
      const done = this.#openOne(endpoint, permit, supply).then(() => void this.#opening.delete(done));
      this.#opening.add(done);
    }
  }

  drop(endpoint: Endpoint): void {
    this.#shelf.drop(endpoint);
    this.#supplies.delete(endpoint);
  }

  renew(): void {
    for (const endpoint of [...this.#supplies.keys()]) {
      this.drop(endpoint);
      this.fill(endpoint);
    }
  }

  dropOne(endpoint: Endpoint): boolean {
    return this.#shelf.dropOne(endpoint);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#shelf.clear();
    await Promise.all(this.#opening);
  }

  async #takeAlive(endpoint: Endpoint): Promise<Conn | undefined> {
    for (;;) {
      const waiting = this.#shelf.take(endpoint, "oldest");
      const conn = await waiting?.handOut();
      if (waiting === undefined || conn !== undefined) return conn;
      waiting.close();
      this.#cells.poolLost.add();
    }
  }

  async #openOne(endpoint: Endpoint, permit: Permit, supply: Supply): Promise<void> {
    try {
      const conn = await this.#open(endpoint, permit);
      supply.pause = 0;
      if (this.#stopped || this.#supplies.get(endpoint) !== supply) return conn.close();
      if (endpoint.permits.isWanted) {
        if (!endpoint.permits.offer(this, conn)) conn.close();
        return;
      }
      const warm: WarmConn = new WarmConn(conn, () => this.#lost(endpoint, warm));
      this.#shelf.put(endpoint, warm);
    } catch {
      // After the pause, the next client tries again.
      supply.pause = Math.min(Math.max(supply.pause * 2, FIRST_PAUSE), LONGEST_PAUSE);
      supply.notBefore = performance.now() + supply.pause;
    } finally {
      supply.opening -= 1;
    }
  }

  #lost(endpoint: Endpoint, conn: WarmConn): void {
    if (!this.#shelf.remove(endpoint, conn)) return;
    conn.close();
    this.#cells.poolLost.add();
    this.#replace(endpoint, conn);
  }

  /**
   * Replaces a connection that ended unused, if a client has come since it was opened. Without clients, the pool
   * becomes empty instead of opening and closing connections forever. Servers may punish that: MySQL blocks a host
   * after `max_connect_errors` connections that ended before a login.
   */
  #replace(endpoint: Endpoint, ended: WarmConn): void {
    if (this.#supplyOf(endpoint).lastClient > ended.idleSince) this.fill(endpoint);
  }

  #supplyOf(endpoint: Endpoint): Supply {
    const known = this.#supplies.get(endpoint);
    if (known !== undefined) return known;
    const supply: Supply = { opening: 0, lastClient: -Infinity, notBefore: -Infinity, pause: 0 };
    this.#supplies.set(endpoint, supply);
    return supply;
  }
}
