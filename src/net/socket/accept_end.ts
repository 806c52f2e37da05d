/** When an accept loop ends: at once, or as soon as no client comes any more. */

import type { Listener } from "./listen.ts";

/**
 * Nobody must have come for so long before a listener that drains is closed, in milliseconds. What waits in the
 * kernel's queue of a listener that closes is reset, and a client that saw its connect succeed would lose what it sent.
 */
export const ACCEPT_IDLE = 50;
/**
 * Looks within that time. One timer for all of it would also pass while this thread is busy with something else, and
 * come before what the kernel had for us meanwhile. So does a look that is late: it tells nothing.
 */
const LOOKS = 5;
const LOOK_EVERY = ACCEPT_IDLE / LOOKS;
const LATE = 2 * LOOK_EVERY;

/** Closes the listener of one accept loop when that has to end. */
export class AcceptEnd {
  readonly #listener: Listener;
  readonly #ended = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Looks that found the loop waiting for the same client; undefined while it does something else. */
  #quiet: number | undefined;

  /**
   * @param atOnce Ends it when it aborts.
   * @param draining Once it aborts, {@linkcode ACCEPT_IDLE} without a client ends it.
   */
  constructor(listener: Listener, atOnce: AbortSignal, draining: AbortSignal | undefined) {
    this.#listener = listener;
    const { signal } = this.#ended;
    if (draining?.aborted) this.#lookAgain();
    else draining?.addEventListener("abort", () => this.#lookAgain(), { once: true, signal });
    if (atOnce.aborted) this.#end();
    else atOnce.addEventListener("abort", () => this.#end(), { once: true, signal });
  }

  /** Aborts at the end, when the listener is closed. */
  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /** The loop begins to wait for a client. */
  waiting(): void {
    this.#quiet = 0;
  }

  /** The loop waits for something else: clients may be in the queue that it does not see. */
  busy(): void {
    this.#quiet = undefined;
  }

  #lookAgain(): void {
    const began = performance.now();
    this.#timer = setTimeout(() => this.#look(performance.now() - began), LOOK_EVERY);
  }

  #look(after: number): void {
    if (this.#quiet !== undefined && after < LATE) this.#quiet += 1;
    // The first of them may have come right after the loop began to wait.
    if (this.#quiet === LOOKS + 1) this.#end();
    else this.#lookAgain();
  }

  #end(): void {
    clearTimeout(this.#timer);
    this.#listener.close();
    this.#ended.abort();
  }
}
