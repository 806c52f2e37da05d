/** Limits open connections in all threads, and wakes clients that wait for a slot. */

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

  /** Changes the limit; waiting clients try again. */
  set limit(limit: number) {
    this.#limit = limit;
    this.#wakeUps.wake(this.#gauge.slot);
  }

  /** Whether it still counts what it was made for. */
  get isClaimed(): boolean {
    return this.#gauge.isClaimed;
  }

  /** Takes a slot; false at the limit. */
  enter(): boolean {
    return this.#gauge.enter(this.#limit);
  }

  get isFull(): boolean {
    return this.#limit > 0 && this.#gauge.value >= this.#limit;
  }

  /**
   * Returns a slot that was not used. No client of this thread can have missed it, so only other threads are woken.
   */
  undo(): void {
    if (this.#gauge.leave()) this.#wakeUps.wakeOthers(this.#gauge.slot);
  }

  leave(): void {
    if (this.#gauge.leave()) this.#wakeUps.freed(this.#gauge.slot);
  }

  /**
   * Calls `wake` whenever a slot may be free, until the result is disposed of. Must precede a last attempt to enter: a
   * slot that becomes free between an earlier attempt and this call wakes no client.
   */
  onFree(wake: () => void): Disposable {
    if (this.#limit === 0) return NOTHING;
    const stack = new DisposableStack();
    stack.use(this.#gauge.wait());
    stack.use(this.#wakeUps.watch(this.#gauge.slot, wake));
    return stack;
  }
}

/** Without a limit, there is nothing to wait for. */
const NOTHING: Disposable = { [Symbol.dispose]() {} };
