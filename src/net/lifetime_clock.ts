/** Ends connections that have lived long enough: one timer for all, set for the oldest. */

import { timerDelay } from "./sleep.ts";
import { WatchSet } from "./watch_set.ts";

interface Watch {
  readonly endsAt: number;
  readonly expire: () => void;
}

export class LifetimeClock {
  readonly #lifetime: number;
  /** The oldest first, as all live equally long. */
  readonly #watches = new WatchSet<Watch>(() => this.#untilNext(), () => this.#look());

  /** @param lifetime Milliseconds. */
  constructor(lifetime: number) {
    this.#lifetime = lifetime;
  }

  /** Calls `expire` when a lifetime has passed from now, until the result is disposed of. */
  watch(expire: () => void): Disposable {
    return this.#watches.add({ endsAt: performance.now() + this.#lifetime, expire });
  }

  #untilNext(): number {
    const [oldest] = this.#watches;
    return timerDelay(oldest!.endsAt - performance.now());
  }

  #look(): void {
    const now = performance.now();
    for (const watch of this.#watches) {
      if (watch.endsAt > now) break;
      this.#watches.delete(watch);
      watch.expire();
    }
  }
}
