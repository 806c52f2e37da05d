/** The timer behind all timeouts that many connections share: idle time, lifetime, deadlines, idle pools. */

/** Bounds of the time between two ticks, in milliseconds. */
const SHORTEST = 5;
const LONGEST = 5000;

/**
 * Calls `onTick` at regular intervals while there is something to time out.
 *
 * It keeps ticking after the last connection, until a tick finds nothing: with short connections, the next one comes
 * before that. Arming and clearing a timer costs 2 to 3 us; finding it armed costs nothing. The price is precision:
 * whatever ends at a tick ends up to one interval late, and later if the thread was busy, but never early.
 */
export class Ticker {
  readonly #interval: number;
  readonly #onTick: (now: number) => boolean;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Whether a timer is armed. A connection that finds it true has nothing to start. */
  isTicking = false;

  /**
   * @param timeout The timeout to enforce, in milliseconds; Infinity never ticks.
   * @param ticks How many ticks there are in a timeout; each is between 5 ms and `longest` long.
   * @param onTick Gets `performance.now()`; returns whether anything is left to time out. Must not throw.
   */
  constructor(timeout: number, ticks: number, onTick: (now: number) => boolean, longest = LONGEST) {
    this.#interval = timeout === Infinity ? Infinity : Math.min(Math.max(timeout / ticks, SHORTEST), longest);
    this.#onTick = onTick;
  }

  /** Ticks while something can time out. */
  start(): void {
    if (this.isTicking || this.#interval === Infinity) return;
    this.isTicking = true;
    this.#timer = setTimeout(this.#tick, this.#interval);
  }

  /** Clears the timer; call it when nothing is left to time out. */
  stop(): void {
    clearTimeout(this.#timer);
    this.isTicking = false;
  }

  readonly #tick = (): void => {
    this.isTicking = false;
    if (this.#onTick(performance.now())) this.start();
  };
}
