/** Ends connections that have lived long enough: one timer for all, set for the oldest. */

import { Linked } from "../linked_list.ts";
import { timerDelay } from "./sleep.ts";
import { WatchSet } from "./watch_set.ts";

class Watch extends Linked<Watch> {
  readonly endsAt: number;
  readonly expire: () => void;

  constructor(endsAt: number, expire: () => void) {
    super();
    this.endsAt = endsAt;
    this.expire = expire;
  }
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
    const watch = new Watch(performance.now() + this.#lifetime, expire);
    this.#watches.add(watch);
    return watch;
  }

  #untilNext(): number {
    return timerDelay(this.#watches.first!.endsAt - performance.now());
  }

  #look(): void {
    const now = performance.now();
    for (let oldest = this.#watches.first; oldest !== undefined && oldest.endsAt <= now;) {
      this.#watches.delete(oldest);
      oldest.expire();
      oldest = this.#watches.first;
    }
  }
}
