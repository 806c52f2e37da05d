/** How many lines about refused connections may be written: whoever is refused can come as often as he likes. */

/** Lines for one reason, in all threads. */
const LINES_A_SECOND = 10;
/** Milliseconds. */
const SECOND = 1000;

interface Spending {
  secondBegan: number;
  lines: number;
  /** Without a line since the last one. */
  suppressed: number;
}

/**
 * Ten lines a second for each reason, so that a flood of one kind does not hide another. Of several threads each has its
 * part of the ten, but one line at least.
 */
export class LogRateLimiter {
  readonly #now: () => number;
  readonly #linesASecond: number;
  readonly #byReason = new Map<string, Spending>();

  /**
   * @param now Milliseconds of any clock that is not set back.
   * @param threads How many threads write such lines.
   */
  constructor(now: () => number, threads: number) {
    this.#now = now;
    this.#linesASecond = Math.max(1, Math.floor(LINES_A_SECOND / threads));
  }

  /**
   * Whether there may be a line now, and then how many refusals had none since the one before.
   *
   * @param reason One of few: each is remembered.
   */
  take(reason: string): { readonly suppressed: number } | undefined {
    const now = this.#now();
    let spending = this.#byReason.get(reason);
    if (spending === undefined) {
      spending = { secondBegan: now, lines: 0, suppressed: 0 };
      this.#byReason.set(reason, spending);
    } else if (now - spending.secondBegan >= SECOND) {
      spending.secondBegan = now;
      spending.lines = 0;
    }
    if (spending.lines === this.#linesASecond) {
      spending.suppressed += 1;
      return undefined;
    }
    spending.lines += 1;
    const { suppressed } = spending;
    spending.suppressed = 0;
    return { suppressed };
  }
}
