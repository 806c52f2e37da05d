/**
 * One clock for all connections of a service.
 *
 * It looks at every connection eight times per timeout and asks whether bytes came since the last look, so that
 * relaying costs no timer and no reading of the time. The price is precision: a connection ends between one and
 * 1.25 timeouts after its last byte.
 */

import { Linked, LinkedList } from "../linked_list.ts";
import { Ticker } from "./ticker.ts";

/** A connection as the clock sees it. */
export interface Watched {
  /** Changes whenever bytes came from either side. */
  readonly activity: number;
  readonly isHalfClosed: boolean;
  /** Called once, when nothing came for too long. */
  expire(): void;
}

class Watch extends Linked<Watch> {
  readonly watched: Watched;
  // The last observed value, and when it was first observed, in milliseconds; undefined before the first
  // check.
  activity: number | undefined;
  isHalfClosed: boolean | undefined;
  since: number | undefined;

  constructor(watched: Watched) {
    super();
    this.watched = watched;
  }
}

/** Looks per timeout: one may come late for the last byte, and one for the end. */
const TICKS = 8;

export class IdleClock {
  readonly #idleTimeout: number;
  readonly #halfCloseTimeout: number;
  readonly #watches = new LinkedList<Watch>();
  readonly #ticker: Ticker;

  /**
   * Both in milliseconds. `idleTimeout` 0 is no limit; `halfCloseTimeout` 0 leaves half-closed connections to
   * the idle timeout.
   */
  constructor(idleTimeout: number, halfCloseTimeout: number) {
    this.#idleTimeout = idleTimeout || Infinity;
    this.#halfCloseTimeout = halfCloseTimeout || this.#idleTimeout;
    const shortest = Math.min(this.#idleTimeout, this.#halfCloseTimeout);
    this.#ticker = new Ticker(shortest, TICKS, (now) => this.#look(now));
  }

  /** Watches a connection until the result is disposed of. */
  watch(watched: Watched): Disposable {
    if (this.#idleTimeout === Infinity && this.#halfCloseTimeout === Infinity) return NOTHING;
    const watch = new Watch(watched);
    this.#watches.add(watch);
    this.#ticker.start();
    return watch;
  }

  /** Clears the timer, unless something is watched. */
  rest(): void {
    if (this.#watches.first === undefined) this.#ticker.stop();
  }

  #look(now: number): boolean {
    for (const watch of this.#watches.all()) {
      const { watched, since } = watch;
      if (
        since === undefined || watched.activity !== watch.activity ||
        watched.isHalfClosed !== watch.isHalfClosed
      ) {
        watch.activity = watched.activity;
        watch.isHalfClosed = watched.isHalfClosed;
        watch.since = now;
      } else if (now - since >= (watch.isHalfClosed ? this.#halfCloseTimeout : this.#idleTimeout)) {
        watched.expire();
      }
    }
    return this.#watches.first !== undefined;
  }
}

const NOTHING: Disposable = { [Symbol.dispose]() {} };
