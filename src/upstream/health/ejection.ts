/**
 * Passive health: ejects an endpoint that fails real connections, for a while.
 *
 * It ejects an endpoint after `failures` failed connections within `window`, as nginx does (`max_fails`,
 * `fail_timeout`), unless more than twice as many connections succeeded in that time. A success does not reset the
 * count, as it does in HAProxy (`observe layer4`) and Envoy (consecutive failures): an endpoint that accepts and then
 * resets every connection has a success before each failure. But failures must be a large part of all connections: a
 * busy endpoint has a few in every window, and counting only failures would eject it, then the other endpoints.
 *
 * It has no timers: each question and each report checks the time.
 */

import type { PassiveConfig } from "../../config/config.ts";

/** The most successes per failure at which an endpoint is ejected. */
const SUCCESSES_PER_FAILURE = 2;

interface Failure {
  readonly at: number;
  /** Successes before it. */
  readonly successes: number;
}

export class Ejection {
  readonly #options: PassiveConfig;
  readonly #successes: () => number;
  readonly #now: () => number;
  /** A ring buffer of the latest failures, at most as many as eject. */
  #ring: Failure[] = [];
  /** The index of the oldest in a full ring. */
  #oldest = 0;
  #until = 0;

  /**
   * @param successes The number of connections made so far, in all threads.
   * @param now Milliseconds of a monotonic clock, from 0 on.
   */
  constructor(options: PassiveConfig, successes: () => number, now: () => number = () => performance.now()) {
    this.#options = options;
    this.#successes = successes;
    this.#now = now;
  }

  get isEjected(): boolean {
    return this.#now() < this.#until;
  }

  /** The end of the latest ejection, by `now()`; 0 if there was none. */
  get until(): number {
    return this.#until;
  }

  /** A connection failed; true if that ejects the endpoint. Failures during an ejection do not count. */
  failed(): boolean {
    const now = this.#now();
    if (now < this.#until) return false;
    const successes = this.#successes();
    this.#remember({ at: now, successes });
    if (!this.#isTooMuch(now, successes)) return false;
    this.#until = now + this.#options.eject;
    // After an ejection, it starts without failures.
    this.#ring = [];
    this.#oldest = 0;
    return true;
  }

  #remember(failure: Failure): void {
    if (this.#ring.length < this.#options.failures) {
      this.#ring.push(failure);
    } else {
      this.#ring[this.#oldest] = failure;
      this.#oldest = (this.#oldest + 1) % this.#ring.length;
    }
  }

  #isTooMuch(now: number, successesNow: number): boolean {
    const { failures, window } = this.#options;
    if (this.#ring.length < failures) return false;
    const { at, successes } = this.#ring[this.#oldest]!;
    return now - at <= window && successesNow - successes <= failures * SUCCESSES_PER_FAILURE;
  }
}
