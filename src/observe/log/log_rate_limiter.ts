/** Limits log lines that clients can cause at any rate. */

/** The most lines for one reason in a period, in all threads together. */
const LINES_A_SECOND = 10;
/** Milliseconds. */
const SECOND = 1000;

interface Usage {
  secondBegan: number;
  lines: number;
  /** Lines suppressed since the last written one. */
  suppressed: number;
}

/**
 * Allows ten lines a second for each reason, so that many lines of one kind do not hide another kind. With several
 * threads, each gets its share of the ten, but at least one.
 */
export class LogRateLimiter {
  readonly #now: () => number;
  readonly #linesASecond: number;
  readonly #byReason = new Map<string, Usage>();

  /**
   * @param now Milliseconds of a monotonic clock.
   * @param threads How many threads write such lines.
   */
  constructor(now: () => number, threads: number) {
    this.#now = now;
    this.#linesASecond = Math.max(1, Math.floor(LINES_A_SECOND / threads));
  }

  /**
   * Undefined if the line must be suppressed; else a field for it with the number of lines suppressed before.
   *
   * @param reason One of a small set: the limiter remembers each.
   */
  admit(reason: string): { readonly suppressed: number | undefined } | undefined {
    const now = this.#now();
    let usage = this.#byReason.get(reason);
    if (usage === undefined) {
      usage = { secondBegan: now, lines: 0, suppressed: 0 };
      this.#byReason.set(reason, usage);
    } else if (now - usage.secondBegan >= SECOND) {
      usage.secondBegan = now;
      usage.lines = 0;
    }
    if (usage.lines === this.#linesASecond) {
      usage.suppressed += 1;
      return undefined;
    }
    usage.lines += 1;
    const { suppressed } = usage;
    usage.suppressed = 0;
    return { suppressed: suppressed || undefined };
  }
}
