/** How many connections there may be at the same time, and who waits for one of them to end. */

import type { Gauge } from "../observe/gauge.ts";

export class CountLimit {
  readonly #gauge: Gauge;
  readonly #limit: number;
  readonly #waiting = new Set<() => void>();

  /** @param limit 0 is no limit. */
  constructor(gauge: Gauge, limit: number) {
    this.#gauge = gauge;
    this.#limit = limit;
  }

  /** Takes a place; false when there is none. */
  enter(): boolean {
    return this.#gauge.enter(this.#limit);
  }

  /** Gives a place back that was not used after all: nobody could have had it meanwhile, so nobody is told. */
  undo(): void {
    this.#gauge.leave();
  }

  leave(): void {
    this.#gauge.leave();
    for (const wake of this.#waiting) wake();
  }

  /** Calls `wake` whenever a place becomes free, until the result is disposed of. */
  onFree(wake: () => void): Disposable {
    this.#waiting.add(wake);
    return { [Symbol.dispose]: () => void this.#waiting.delete(wake) };
  }
}
