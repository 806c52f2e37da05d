/** Upstream connections that wait for a client: by endpoint, and none for longer than `max_idle_time`. */

import type { UpstreamRow } from "../../observe/counters/accounts.ts";
import type { Endpoint } from "../endpoint.ts";

export interface Idle {
  /** When it began to wait, as `performance.now()`. */
  readonly idleSince: number;
  close(): void;
}

export interface ShelfOptions<Conn> {
  /** Milliseconds. */
  readonly maxIdleTime: number;
  /** Where those that wait, and that waited too long, are counted. */
  readonly cells: Pick<UpstreamRow["cells"], "poolShelved" | "poolUnshelved" | "poolExpired">;
  /** A connection waited too long; it is closed already. */
  readonly onExpired: (endpoint: Endpoint, conn: Conn) => void;
}

/** Looks per `max_idle_time`. */
const LOOKS = 8;
/** Bounds of the time between two looks, in milliseconds. */
const SHORTEST_LOOK = 5;
const LONGEST_LOOK = 1000;

export class IdleConnList<Conn extends Idle> {
  readonly #options: ShelfOptions<Conn>;
  readonly #idle = new Map<Endpoint, Conn[]>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: ShelfOptions<Conn>) {
    this.#options = options;
  }

  /** Connections waiting, of one endpoint or of all. */
  count(endpoint?: Endpoint): number {
    if (endpoint !== undefined) return this.#idle.get(endpoint)?.length ?? 0;
    return this.#idle.values().reduce((sum, conns) => sum + conns.length, 0);
  }

  put(endpoint: Endpoint, conn: Conn): void {
    const conns = this.#idle.get(endpoint);
    this.#options.cells.poolShelved.add();
    if (conns === undefined) this.#idle.set(endpoint, [conn]);
    else conns.push(conn);
    this.#timer ??= setTimeout(() => this.#look(), this.#interval);
  }

  /** The connection that waited longest or least, and is not too old. */
  take(endpoint: Endpoint, which: "oldest" | "newest"): Conn | undefined {
    this.#expire(endpoint);
    const conns = this.#idle.get(endpoint);
    const conn = which === "oldest" ? conns?.shift() : conns?.pop();
    if (conn !== undefined) this.#options.cells.poolUnshelved.add();
    this.#restIfEmpty();
    return conn;
  }

  /** Takes a connection out that is of no use any more; false when it is not here. */
  remove(endpoint: Endpoint, conn: Conn): boolean {
    const conns = this.#idle.get(endpoint);
    const index = conns?.indexOf(conn) ?? -1;
    if (index === -1) return false;
    conns!.splice(index, 1);
    this.#options.cells.poolUnshelved.add();
    this.#restIfEmpty();
    return true;
  }

  /** Closes the connection that waited longest; false when none waits. */
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
    this.#restIfEmpty();
  }

  clear(): void {
    for (const endpoint of [...this.#idle.keys()]) this.drop(endpoint);
  }

  get #interval(): number {
    return Math.min(Math.max((this.#options.maxIdleTime || Infinity) / LOOKS, SHORTEST_LOOK), LONGEST_LOOK);
  }

  #look(): void {
    this.#timer = setTimeout(() => this.#look(), this.#interval);
    for (const endpoint of [...this.#idle.keys()]) this.#expire(endpoint);
    this.#restIfEmpty();
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

  #restIfEmpty(): void {
    if (this.count() > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
