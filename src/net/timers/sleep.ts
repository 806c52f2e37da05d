/** The longest delay a timer takes, in milliseconds; a longer one would fire at once. */
const LONGEST_DELAY = 2 ** 31 - 1;

/** A delay as a timer takes it: none is negative, and one that is too long becomes the longest there is. */
export function timerDelay(milliseconds: number): number {
  return Math.min(Math.max(milliseconds, 0), LONGEST_DELAY);
}

/** Resolves after `milliseconds`, or as soon as `signal` aborts. */
export function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, timerDelay(milliseconds));
    signal.addEventListener("abort", done, { once: true });
  });
}
