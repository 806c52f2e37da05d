/** The connections of the admin interface: only so many, and a new one makes one that says nothing go. */

import type { HttpConnection } from "./http_connection.ts";

export class ConnectionCap {
  readonly #most: number;
  readonly #lookEvery: number;
  /** In the order in which they came. */
  readonly #connections = new Set<HttpConnection>();
  #timer: ReturnType<typeof setInterval> | undefined;

  /**
   * @param most How many there may be at the same time; at least 1.
   * @param lookEvery How often deadlines are looked at, in milliseconds.
   */
  constructor(most: number, lookEvery: number) {
    this.#most = most;
    this.#lookEvery = lookEvery;
  }

  get size(): number {
    return this.#connections.size;
  }

  /** Lets a connection in, in the place of one without a request where all are taken; false when there is none. */
  enter(connection: HttpConnection): boolean {
    if (this.#connections.size >= this.#most && !this.#evictOldestIdle()) return false;
    this.#connections.add(connection);
    this.#timer ??= setInterval(() => this.#check(), this.#lookEvery);
    connection.stream.once("close", () => this.#leave(connection));
    return true;
  }

  /** Closes all that have no request under way: something else needs their descriptors. */
  evictIdle(): void {
    for (const connection of this.#connections) if (connection.isIdle) connection.stream.destroy();
  }

  /** Breaks all off. */
  close(): void {
    for (const { stream } of this.#connections) stream.destroy();
  }

  #evictOldestIdle(): boolean {
    let oldest: HttpConnection | undefined;
    for (const connection of this.#connections) {
      if (connection.isIdle && (oldest === undefined || connection.since < oldest.since)) oldest = connection;
    }
    if (oldest === undefined) return false;
    oldest.stream.destroy();
    this.#leave(oldest);
    return true;
  }

  #leave(connection: HttpConnection): void {
    this.#connections.delete(connection);
    if (this.#connections.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #check(): void {
    for (const connection of this.#connections) connection.check();
  }
}
