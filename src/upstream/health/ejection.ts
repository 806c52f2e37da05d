/**
 * Passive health: an endpoint that fails real connections is left out for a while.
 *
 * What ejects it is `failures` failed connections within `window`, as nginx counts them (`max_fails`,
 * `fail_timeout`), unless it took more than twice as many connections meanwhile. A success does not start the count
 * anew, as it does in HAProxy (`observe layer4`) and Envoy (consecutive failures): an endpoint that accepts and then
 * resets every connection makes a success before each of its failures. But the failures must be a good part of all,
 * as a busy endpoint has a few in every window, and plain counting takes it out for them, and its equals next.
 *
 * No timers: the time is looked at when something is asked or reported.
 */

import type { PassiveConfig } from "../../config/config.ts";

/** Failures count as a good part of all connections up to so many successes for each. */
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
  /** The latest failures, at most as many as eject; a ring. */
  #ring: Failure[] = [];
  /** Where the oldest of a full ring is. */
  #oldest = 0;
  #until = 0;

  /**
   * @param successes Connections that were made so far, in all threads.
   * @param now The time in milliseconds, from a clock that starts at 0 or later and never goes back.
   */
  constructor(options: PassiveConfig, successes: () => number, now: () => number = () => performance.now()) {
    this.#options = options;
    this.#successes = successes;
    this.#now = now;
  }

  get isEjected(): boolean {
    return this.#now() < this.#until;
  }

  /** When the latest ejection ends or ended, as `now()` tells time; 0 when there was none. */
  get until(): number {
    return this.#until;
  }

  /** A connection failed; true when that ejects the endpoint now. While it is ejected, failures do not count. */
  failed(): boolean {
    const now = this.#now();
    if (now < this.#until) return false;
    const successes = this.#successes();
    this.#remember({ at: now, successes });
    if (!this.#isTooMuch(now, successes)) return false;
    this.#until = now + this.#options.eject;
    // It comes back with a clean slate.
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
