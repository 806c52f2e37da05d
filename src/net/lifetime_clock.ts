/** Ends connections that have lived long enough: one timer for all, set for the oldest. */

interface Watch {
  readonly endsAt: number;
  readonly expire: () => void;
}

/** The longest delay a timer takes, in milliseconds; a longer one would fire at once. */
const LONGEST_DELAY = 2 ** 31 - 1;

export class LifetimeClock {
  readonly #lifetime: number;
  /** The oldest first, as all live equally long. */
  readonly #watches = new Set<Watch>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param lifetime Milliseconds. */
  constructor(lifetime: number) {
    this.#lifetime = lifetime;
  }

  /** Calls `expire` when a lifetime has passed from now, until the result is disposed of. */
  watch(expire: () => void): Disposable {
    const watch: Watch = { endsAt: performance.now() + this.#lifetime, expire };
    this.#watches.add(watch);
    if (this.#timer === undefined) this.#arm();
    return {
      [Symbol.dispose]: () => {
        this.#watches.delete(watch);
        if (this.#watches.size > 0) return;
        clearTimeout(this.#timer);
        this.#timer = undefined;
      },
    };
  }

  #arm(): void {
    const [oldest] = this.#watches;
    this.#timer = oldest === undefined ? undefined : setTimeout(
      () => this.#look(),
      Math.min(Math.max(oldest.endsAt - performance.now(), 0), LONGEST_DELAY),
    );
  }

  #look(): void {
    const now = performance.now();
    for (const watch of this.#watches) {
      if (watch.endsAt > now) break;
      this.#watches.delete(watch);
      watch.expire();
    }
    this.#arm();
  }
}
