/** A connection to an endpoint, and the client's slot there. */

import type { Conn } from "../net/socket/conn.ts";
import type { ProxyError } from "../net/errors.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Group } from "./group.ts";

/** A connection that the upstream resets within this time, in milliseconds, without data, never worked. */
const AT_ONCE = 1000;

/** Disposing closes the connection and frees the slot. */
export class Lease implements Disposable {
  readonly conn: Conn;
  /** When the client got the connection, by `performance.now()`. */
  readonly openedAt = performance.now();
  readonly #group: Group;
  readonly #endpoint: Endpoint;
  #watch: Disposable | undefined;
  #isOver = false;

  /** The client has entered `endpoint`. */
  constructor(group: Group, endpoint: Endpoint, conn: Conn) {
    this.#group = group;
    this.#endpoint = endpoint;
    this.conn = conn;
  }

  /** The relay failed; counts against the endpoint if the connection never carried data. */
  failed(error: ProxyError, bytesFromUpstream: number): void {
    if (error.side !== "upstream" || !error.isReset || bytesFromUpstream > 0) return;
    if (performance.now() - this.openedAt < AT_ONCE) this.#group.connectionFailed(this.#endpoint, error);
  }

  /** Calls `abort` if the endpoint goes down while the connection is open. */
  whenDown(abort: (error: ProxyError) => void): void {
    this.#watch = this.#endpoint.whenDown(abort);
  }

  [Symbol.dispose](): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#watch?.[Symbol.dispose]();
    this.conn.close();
    this.#endpoint.leave();
  }
}
