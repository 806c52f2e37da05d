/** Limits the connections of the admin interface: a new one evicts an idle one. */

import type { HttpConnection } from "./http_connection.ts";

export class ConnectionCap {
  readonly #most: number;
  readonly #lookEvery: number;
  /** In the order of arrival. */
  readonly #connections = new Set<HttpConnection>();
  #timer: ReturnType<typeof setInterval> | undefined;

  /**
   * @param most The most concurrent connections; at least 1.
   * @param lookEvery How often deadlines are checked, in milliseconds.
   */
  constructor(most: number, lookEvery: number) {
    this.#most = most;
    this.#lookEvery = lookEvery;
  }

  get size(): number {
    return this.#connections.size;
  }

  /** Admits a connection. At the limit it evicts one without a request; false if there is none. */
  enter(connection: HttpConnection): boolean {
    if (this.#connections.size >= this.#most && !this.#evictOldestIdle()) return false;
    this.#connections.add(connection);
    this.#timer ??= setInterval(() => this.#check(), this.#lookEvery);
    connection.stream.once("close", () => this.#leave(connection));
    return true;
  }

  /** Closes all connections without a request, because their descriptors are needed elsewhere. */
  evictIdle(): void {
    for (const connection of this.#connections) if (connection.isIdle) connection.stream.destroy();
  }

  /** Aborts all. */
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
