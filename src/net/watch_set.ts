/** Things that a timer looks at from time to time: it runs while there are any. */

export class WatchSet<Watch> {
  readonly #delay: () => number;
  readonly #look: () => void;
  readonly #watches = new Set<Watch>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param delay Milliseconds to the next look, asked when there is something to look at.
   * @param look Must not throw.
   */
  constructor(delay: () => number, look: () => void) {
    this.#delay = delay;
    this.#look = look;
  }

  /** In the order they were added. */
  [Symbol.iterator](): Iterator<Watch> {
    return this.#watches.values();
  }

  /** Keeps `watch` until the result is disposed of. */
  add(watch: Watch): Disposable {
    this.#watches.add(watch);
    if (this.#timer === undefined) this.#arm();
    return { [Symbol.dispose]: () => this.delete(watch) };
  }

  delete(watch: Watch): void {
    this.#watches.delete(watch);
    if (this.#watches.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #arm(): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#look();
      // Unless something was added meanwhile, and did so.
      if (this.#timer === undefined && this.#watches.size > 0) this.#arm();
    }, this.#delay());
  }
}
