/** Waits for conditions, with a deadline. Use sleep() only for what happens at set times. */

/** Checks every few milliseconds: returns true when the condition holds, and false when the deadline has passed. */
export async function waitUntil(
  condition: () => boolean | Promise<boolean>,
  deadlineMs: number,
  everyMs = 20,
): Promise<boolean> {
  const deadline = performance.now() + deadlineMs;
  while (!await condition()) {
    if (performance.now() > deadline) return false;
    await pause(everyMs);
  }
  return true;
}

/** Reads a figure until two readings in a row differ by at most `tolerance`, or the deadline has passed. */
export async function settled(
  read: () => Promise<number>,
  tolerance: number,
  everyMs: number,
  deadlineMs: number,
): Promise<number> {
  let last = await read();
  await pause(everyMs);
  await waitUntil(
    async () => {
      const previous = last;
      last = await read();
      return Math.abs(last - previous) <= tolerance;
    },
    deadlineMs,
    everyMs,
  );
  return last;
}

/** The result of work that has a time limit; the error names `what` did not come in time. */
export async function within<T>(deadlineMs: number, work: Promise<T>, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no ${what} within ${deadlineMs} ms`)), deadlineMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Whether something listens on this loopback port. */
export async function connectable(port: number): Promise<boolean> {
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return true;
  } catch {
    return false;
  }
}

/** A port that was free a moment ago, for programs that cannot choose one themselves. */
export function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

/** Resolves after this many milliseconds. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
