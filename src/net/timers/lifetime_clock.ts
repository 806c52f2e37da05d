/** Ends connections that have lived long enough, between one and 1.0625 lifetimes after they began. */

import { Linked, LinkedList } from "../linked_list.ts";
import { Ticker } from "./ticker.ts";

const TICKS = 16;

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
  readonly #watches = new LinkedList<Watch>();
  readonly #ticker: Ticker;

  /** @param lifetime Milliseconds. */
  constructor(lifetime: number) {
    this.#lifetime = lifetime;
    this.#ticker = new Ticker(lifetime, TICKS, (now) => this.#expire(now));
  }

  /** Calls `expire` when a lifetime has passed from now, until the result is disposed of. */
  watch(expire: () => void): Disposable {
    const watch = new Watch(performance.now() + this.#lifetime, expire);
    this.#watches.add(watch);
    this.#ticker.start();
    return watch;
  }

  /** Clears the timer, unless something is watched. */
  rest(): void {
    if (this.#watches.first === undefined) this.#ticker.stop();
  }

  #expire(now: number): boolean {
    for (let oldest = this.#watches.first; oldest !== undefined && oldest.endsAt <= now;) {
      this.#watches.delete(oldest);
      oldest.expire();
      oldest = this.#watches.first;
    }
    return this.#watches.first !== undefined;
  }
}
