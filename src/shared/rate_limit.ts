/** A limit to how often something happens, shared by all threads that have its memory. */

import type { RateConfig } from "../config/config.ts";
import { Gcra } from "./gcra.ts";

export class RateLimit {
  readonly #rate: Gcra;
  /** The state of the {@linkcode Gcra}, as its 64 bits: only whole numbers can be exchanged between threads. */
  readonly #shared: BigInt64Array<SharedArrayBuffer>;
  readonly #number = new Float64Array(1);
  readonly #bits = new BigInt64Array(this.#number.buffer);

  /**
   * @param memory The {@linkcode buffer} of a limit made elsewhere, to share it; undefined makes a new one.
   * @param rate The same for all that share it.
   * @param now Milliseconds since 1970, the same in all threads.
   * @throws {RangeError} when the rate is not above 0 and at most 1 000 000 a second, the burst no whole number above
   * 0, or the memory that of something else.
   */
  constructor(memory: SharedArrayBuffer | undefined, rate: RateConfig, now?: () => number) {
    this.#rate = new Gcra(rate, now);
    this.#shared = new BigInt64Array(memory ?? new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT));
    if (this.#shared.length !== 1) {
      throw new RangeError("Cannot share a rate limit: expected the memory of one");
    }
  }

  /** The memory, for other threads to make the same limit of. */
  get buffer(): SharedArrayBuffer {
    return this.#shared.buffer;
  }

  /** Counts one more, unless that is more than `burst` at once or `rate` a second on average; tells whether it did. */
  take(): boolean {
    for (;;) {
      const before = Atomics.load(this.#shared, 0);
      this.#bits[0] = before;
      const time = this.#rate.time;
      const due = this.#rate.settle(this.#number[0]!, time);
      const isAllowed = this.#rate.allows(due, time);
      this.#number[0] = isAllowed ? this.#rate.next(due, time) : due;
      if (Atomics.compareExchange(this.#shared, 0, before, this.#bits[0]!) === before) return isAllowed;
    }
  }
}
