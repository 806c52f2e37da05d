/** TLS handshakes under way: a flood of silent clients must not keep those out who do shake hands. */

import { ProxyError } from "./errors.ts";

/** Ends a handshake that has not finished. */
export type EndHandshake = (reason: ProxyError) => void;

/** At most so many at a time; each one more ends the oldest. */
export class PendingHandshakes {
  readonly #capacity: number;
  /** In the order they began. */
  readonly #pending = new Set<{ readonly end: EndHandshake }>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#pending.size;
  }

  /** A handshake begins; dispose of the result when it has ended, in any way. `end` is called at most once. */
  enter(end: EndHandshake): Disposable {
    const [oldest] = this.#pending;
    if (this.#pending.size >= this.#capacity && oldest !== undefined) {
      this.#pending.delete(oldest);
      oldest.end(new ProxyError("tls_handshakes_full", "client"));
    }
    const entry = { end };
    this.#pending.add(entry);
    return { [Symbol.dispose]: () => void this.#pending.delete(entry) };
  }
}
