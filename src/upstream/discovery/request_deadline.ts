/** How long a source waits for an answer. */

/** Aborts after some time unless it is cleared before, or with another signal. Disposing removes timer and listener. */
export class RequestDeadline implements Disposable {
  readonly #controller = new AbortController();
  readonly #parent: AbortSignal;
  readonly #onAbort = () => this.#controller.abort(this.#parent.reason);
  readonly #timer: ReturnType<typeof setTimeout>;

  /** @param message Of the error when the time is over. */
  constructor(milliseconds: number, message: string, parent: AbortSignal) {
    this.#parent = parent;
    this.#timer = setTimeout(() => this.#controller.abort(new Error(message)), milliseconds);
    parent.addEventListener("abort", this.#onAbort, { once: true });
    if (parent.aborted) this.#onAbort();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Only the other signal aborts it from now on. */
  clear(): void {
    clearTimeout(this.#timer);
  }

  [Symbol.dispose](): void {
    this.clear();
    this.#parent.removeEventListener("abort", this.#onAbort);
  }
}
