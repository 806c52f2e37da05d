/** Idle upstream connections by endpoint, none for longer than `max_idle_time`. */

import type { UpstreamRow } from "../../observe/counters/accounts.ts";
import { Ticker } from "../../net/timers/ticker.ts";
import type { Endpoint } from "../endpoint.ts";

export interface Idle {
  /** When it became idle, by `performance.now()`. */
  readonly idleSince: number;
  close(): void;
}

export interface ShelfOptions<Conn> {
  /** Milliseconds. */
  readonly maxIdleTime: number;
  /** Count idle connections, and those that were idle for too long. */
  readonly cells: Pick<UpstreamRow["cells"], "poolShelved" | "poolUnshelved" | "poolExpired">;
  /** A connection was idle for too long, and is already closed. */
  readonly onExpired: (endpoint: Endpoint, conn: Conn) => void;
}

/** Checks per `max_idle_time`, and the longest time between two, in milliseconds. */
const TICKS = 8;
const LONGEST_TICK = 1000;

export class IdleConnList<Conn extends Idle> {
  readonly #options: ShelfOptions<Conn>;
  readonly #idle = new Map<Endpoint, Conn[]>();
  readonly #ticker: Ticker;

  constructor(options: ShelfOptions<Conn>) {
    this.#options = options;
    this.#ticker = new Ticker(options.maxIdleTime || Infinity, TICKS, () => this.#look(), LONGEST_TICK);
  }

  /** Idle connections of one endpoint or of all. */
  count(endpoint?: Endpoint): number {
    if (endpoint !== undefined) return this.#idle.get(endpoint)?.length ?? 0;
    return this.#idle.values().reduce((sum, conns) => sum + conns.length, 0);
  }

  put(endpoint: Endpoint, conn: Conn): void {
    const conns = this.#idle.get(endpoint);
    this.#options.cells.poolShelved.add();
    if (conns === undefined) this.#idle.set(endpoint, [conn]);
    else conns.push(conn);
    this.#ticker.start();
  }

  /** Takes the connection that was idle longest or shortest, but not too long. */
  take(endpoint: Endpoint, which: "oldest" | "newest"): Conn | undefined {
    this.#expire(endpoint);
    const conns = this.#idle.get(endpoint);
    const conn = which === "oldest" ? conns?.shift() : conns?.pop();
    if (conn !== undefined) this.#options.cells.poolUnshelved.add();
    return conn;
  }

  /** Removes a connection; false if it is not here. */
  remove(endpoint: Endpoint, conn: Conn): boolean {
    const conns = this.#idle.get(endpoint);
    const index = conns?.indexOf(conn) ?? -1;
    if (index === -1) return false;
    conns!.splice(index, 1);
    this.#options.cells.poolUnshelved.add();
    return true;
  }

  /** Closes the connection that was idle longest; false if there is none. */
  dropOne(endpoint: Endpoint): boolean {
    const conn = this.take(endpoint, "oldest");
    conn?.close();
    return conn !== undefined;
  }

  /** Closes all connections of an endpoint. */
  drop(endpoint: Endpoint): void {
    const conns = this.#idle.get(endpoint) ?? [];
    this.#idle.delete(endpoint);
    this.#options.cells.poolUnshelved.add(conns.length);
    for (const conn of conns) conn.close();
  }

  clear(): void {
    for (const endpoint of [...this.#idle.keys()]) this.drop(endpoint);
    this.#ticker.stop();
  }

  #look(): boolean {
    for (const endpoint of [...this.#idle.keys()]) this.#expire(endpoint);
    return this.count() > 0;
  }

  #expire(endpoint: Endpoint): void {
    const conns = this.#idle.get(endpoint);
    const bornBefore = performance.now() - (this.#options.maxIdleTime || Infinity);
    while (conns !== undefined && conns.length > 0 && conns[0]!.idleSince <= bornBefore) {
      const conn = conns.shift()!;
      this.#options.cells.poolUnshelved.add();
      this.#options.cells.poolExpired.add();
      conn.close();
      this.#options.onExpired(endpoint, conn);
    }
  }
}
