/** Watches a client that waits to be connected: its socket is not read meanwhile, and only a read shows its end. */

import { ProxyError, proxyErrorOf } from "../net/errors.ts";
import type { ReadAheadConn } from "../net/socket/read_ahead_conn.ts";
import type { Abortable } from "../upstream/endpoint.ts";

/** How many bytes of a waiting client are read. A client that has sent more is not watched any more. */
export const WAITING_READ_AHEAD = 16 * 1024;

/**
 * Ends a wait when its client resets, or closes without having sent anything. A client that has sent something may have
 * finished sending, and still expect an answer: it goes on waiting.
 */
export class ClientWatch implements Abortable, Disposable {
  readonly #client: ReadAheadConn;
  readonly #wait: Abortable;
  readonly #outer: Abortable;
  readonly #stopping: AbortSignal;
  #isOver = false;

  /**
   * @param outer What else ends when the connection does.
   * @param stopping Ends the wait too.
   */
  constructor(client: ReadAheadConn, wait: Abortable, outer: Abortable, stopping: AbortSignal) {
    this.#client = client;
    this.#wait = wait;
    this.#outer = outer;
    this.#stopping = stopping;
    stopping.addEventListener("abort", this.#onStopping);
    if (stopping.aborted) this.#onStopping();
    void this.#read();
  }

  abort(error: ProxyError): void {
    this.#wait.abort(error);
    this.#outer.abort(error);
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#stopping.removeEventListener("abort", this.#onStopping);
  }

  readonly #onStopping = (): void => this.#wait.abort(this.#stopping.reason);

  async #read(): Promise<void> {
    try {
      while (!this.#client.isFull) {
        const hasMore = await this.#client.more();
        if (this.#isOver) return;
        if (hasMore) continue;
        if (this.#client.received.length === 0) this.#wait.abort(new ProxyError("client_left", "client"));
        return;
      }
    } catch (cause) {
      if (!this.#isOver) this.#wait.abort(proxyErrorOf(cause, "client"));
    }
  }
}
