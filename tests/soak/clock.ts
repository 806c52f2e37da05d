/** Repeats an action until its signal aborts. */

/** Resolves after this many milliseconds, or when `signal` aborts. */
export function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener("abort", end, { once: true });
  });
}

/** Runs the action once per `period`, in milliseconds. Resolves when `signal` has aborted and the last run is done. */
export async function every(
  period: () => number,
  signal: AbortSignal,
  act: () => Promise<void>,
): Promise<void> {
  while (!signal.aborted) {
    const due = performance.now() + period();
    await act();
    await sleep(Math.max(0, due - performance.now()), signal);
  }
}

/** Whether the condition becomes true within this many milliseconds; checked every 50. */
export async function becomes(is: () => boolean | Promise<boolean>, within: number): Promise<boolean> {
  const never = new AbortController().signal;
  for (const deadline = performance.now() + within; !await is();) {
    if (performance.now() > deadline) return false;
    await sleep(50, never);
  }
  return true;
}
