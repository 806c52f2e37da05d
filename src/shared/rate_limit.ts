/** A rate limit, shared by all threads that have its memory. */

import type { RateConfig } from "../config/config.ts";
import { Gcra } from "./gcra.ts";

export class RateLimit {
  readonly #rate: Gcra;
  /** The 64 bits of the {@linkcode Gcra}'s state: only integers can be compared and exchanged. */
  readonly #shared: BigInt64Array<SharedArrayBuffer>;
  readonly #number = new Float64Array(1);
  readonly #bits = new BigInt64Array(this.#number.buffer);

  /**
   * @param memory The {@linkcode buffer} of a limit in another thread, to share it; undefined for a new one.
   * @param rate The same in all threads.
   * @param now Milliseconds since 1970, the same in all threads.
   * @throws {RangeError} unless the rate is above 0 and at most 1 000 000 a second, the burst a whole number above 0, and
   * the memory that of a rate limit.
   */
  constructor(memory: SharedArrayBuffer | undefined, rate: RateConfig, now?: () => number) {
    this.#rate = new Gcra(rate, now);
    this.#shared = new BigInt64Array(memory ?? new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT));
    if (this.#shared.length !== 1) {
      throw new RangeError("Cannot share a rate limit: expected the memory of one");
    }
  }

  /** The memory, for the limits of other threads. */
  get buffer(): SharedArrayBuffer {
    return this.#shared.buffer;
  }

  /** Counts one more, unless it is above `burst` at once or `rate` a second on average; returns whether it did. */
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
