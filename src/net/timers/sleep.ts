/** The longest delay a timer takes, in milliseconds; a longer one would fire at once. */
const LONGEST_DELAY = 2 ** 31 - 1;

/** Resolves after `milliseconds`, or as soon as `signal` aborts: at once if not above 0, with `Infinity` only then. */
export function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = milliseconds === Infinity
      ? undefined
      : setTimeout(done, Math.min(Math.max(milliseconds, 0), LONGEST_DELAY));
    signal.addEventListener("abort", done, { once: true });
  });
}
