/** How many connections there may be at the same time in all threads, and who waits for one of them to end. */

import type { Gauge } from "../shared/gauge.ts";
import type { WakeUps } from "../shared/wake_ups.ts";

export class CountLimit {
  readonly #gauge: Gauge;
  #limit: number;
  readonly #wakeUps: WakeUps;

  /** @param limit 0 is no limit. */
  constructor(gauge: Gauge, limit: number, wakeUps: WakeUps) {
    this.#gauge = gauge;
    this.#limit = limit;
    this.#wakeUps = wakeUps;
  }

  /** How many there may be from now on; those who wait try again. */
  set limit(limit: number) {
    this.#limit = limit;
    this.#wakeUps.wake(this.#gauge.slot);
  }

  /** Whether it still counts what it was made for. */
  get isClaimed(): boolean {
    return this.#gauge.isClaimed;
  }

  /** Takes a place; false when there is none. */
  enter(): boolean {
    return this.#gauge.enter(this.#limit);
  }

  get isFull(): boolean {
    return this.#limit > 0 && this.#gauge.value >= this.#limit;
  }

  /**
   * Gives a place back that was not used after all. Nobody in this thread could have had it meanwhile, so only the
   * others are told.
   */
  undo(): void {
    if (this.#gauge.leave()) this.#wakeUps.wakeOthers(this.#gauge.slot);
  }

  leave(): void {
    if (this.#gauge.leave()) this.#wakeUps.freed(this.#gauge.slot);
  }

  /**
   * Calls `wake` whenever a place may have become free, until the result is disposed of. To be asked for before a
   * last try to enter: what is left between a try and this is told to nobody.
   */
  onFree(wake: () => void): Disposable {
    if (this.#limit === 0) return NOTHING;
    const stack = new DisposableStack();
    stack.use(this.#gauge.wait());
    stack.use(this.#wakeUps.watch(this.#gauge.slot, wake));
    return stack;
  }
}

/** Who waits where there is no limit would only be told of every connection that ends. */
const NOTHING: Disposable = { [Symbol.dispose]() {} };
