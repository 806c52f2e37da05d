/** A rate limit that all threads with its memory share. */

import type { RateConfig } from "../config/config.ts";
import { Gcra } from "./gcra.ts";

export class RateLimit {
  readonly #rate: Gcra;
  /** The 64 bits of the {@linkcode Gcra}'s state: only integers can be compared and exchanged. */
  readonly #shared: BigInt64Array<SharedArrayBuffer>;
  readonly #number = new Float64Array(1);
  readonly #bits = new BigInt64Array(this.#number.buffer);

  /**
   * @param memory The {@linkcode buffer} of a limit in another thread, to share that limit; undefined for a new one.
   * @param rate The same in all threads.
   * @param now Milliseconds since 1970, the same in all threads.
   */
  constructor(memory: SharedArrayBuffer | undefined, rate: RateConfig, now?: () => number) {
    this.#rate = new Gcra(rate, now);
    this.#shared = new BigInt64Array(memory ?? new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT));
  }

  /** The memory, for the limits of other threads. */
  get buffer(): SharedArrayBuffer {
    return this.#shared.buffer;
  }

  /** Counts one more, and returns true; false above `burst` at once or `rate` a second on average. */
  take(): boolean {
    for (;;) {
      const before = Atomics.load(this.#shared, 0);
      this.#bits[0] = before;
      const time = this.#rate.time;
      const due = this.#rate.clamp(this.#number[0]!, time);
      const isAllowed = this.#rate.allows(due, time);
      this.#number[0] = isAllowed ? this.#rate.next(due, time) : due;
      if (Atomics.compareExchange(this.#shared, 0, before, this.#bits[0]!) === before) return isAllowed;
    }
  }
}
