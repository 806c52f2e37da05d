/** Limits the TLS handshakes in progress: a flood of silent clients must not keep others out. */

import { ProxyError } from "../errors.ts";
import { Linked, LinkedList } from "../linked_list.ts";

/** Ends a handshake that has not finished. */
export type EndHandshake = (reason: ProxyError) => void;

class Pending extends Linked<Pending> {
  readonly end: EndHandshake;

  constructor(end: EndHandshake) {
    super();
    this.end = end;
  }
}

/** A bounded set: when it is full, a new handshake ends the oldest. */
export class PendingHandshakes {
  readonly #capacity: number;
  /** In the order they began. */
  readonly #pending = new LinkedList<Pending>();
  #size = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#size;
  }

  /**
   * Adds a handshake that begins; dispose of the result when it has ended, in any way. `end` is called at most once.
   */
  enter(end: EndHandshake): Disposable {
    const oldest = this.#pending.first;
    if (this.#size >= this.#capacity && oldest !== undefined) {
      this.#leave(oldest);
      oldest.end(new ProxyError("tls_handshakes_full", "client"));
    }
    const pending = new Pending(end);
    this.#pending.add(pending);
    this.#size += 1;
    return { [Symbol.dispose]: () => this.#leave(pending) };
  }

  /** Has no effect if it has left already. */
  #leave(pending: Pending): void {
    if (pending.list === undefined) return;
    this.#pending.delete(pending);
    this.#size -= 1;
  }
}
