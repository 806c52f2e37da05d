/**
 * The generic cell rate algorithm (ITU-T I.371 annex A, virtual scheduling): a token bucket whose state is one number.
 *
 * The number is the time at which the next arrival would be due if all were evenly spaced; an arrival up to `burst` - 1
 * spaces earlier is allowed. Time is counted in units, `unit` per second. The default is the rate itself, so that a
 * space is exactly 1 and no rounding accumulates. A state that outlives its rate keeps its unit, so it means the same
 * moment at every rate.
 *
 * The clock is `Date.now`, the only clock that all threads share: `performance.now()` starts with its thread, and
 * `performance.timeOrigin` comes from a system clock that may have been set since another thread started. When the
 * clock is set forward, buckets become full; when it is set back, a bucket becomes empty at worst. The clock has whole
 * milliseconds, so a burst below a thousandth of the rate limits each millisecond to that burst.
 */

import type { RateConfig } from "../config/config.ts";

export class Gcra {
  /** Units per second, and units between two arrivals. */
  readonly #unit: number;
  readonly #space: number;
  readonly #burst: number;
  /** The rounding error that may accumulate within a burst if a space is not a whole number of units. */
  readonly #slack: number;
  readonly #now: () => number;

  /**
   * @param config The rate at most 1 000 000: above that, a number that counts spaces since 1970 has no precision left
   * for parts of one.
   * @param now Milliseconds since 1970.
   * @param unit Units of time per second.
   */
  constructor({ rate, burst }: RateConfig, now: () => number = Date.now, unit = rate) {
    this.#unit = unit;
    this.#space = unit / rate;
    this.#burst = burst;
    this.#slack = Number.isInteger(this.#space) ? 0 : this.#space / 64;
    this.#now = now;
  }

  /**
   * The time now, in units. Read it after a state that threads share: then the state is never further ahead than the
   * burst, except after a clock was set back.
   */
  get time(): number {
    return this.#now() * this.#unit / 1000;
  }

  /**
   * Reduces the state to the largest value that is possible now: a clock that was set back, or an earlier rate with a
   * longer burst, may have left it too far ahead.
   */
  clamp(due: number, time: number): number {
    return Math.min(due, time + this.#burst * this.#space);
  }

  /** Whether an arrival is allowed. */
  allows(due: number, time: number): boolean {
    return Math.max(due, time) <= time + (this.#burst - 1) * this.#space + this.#slack;
  }

  /** The state after an arrival. */
  next(due: number, time: number): number {
    return Math.max(due, time) + this.#space;
  }

  /** The state without the last arrival. */
  previous(due: number): number {
    return due - this.#space;
  }
}
