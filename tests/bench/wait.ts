/** Waiting for a condition, with a deadline; nothing in the bench sleeps blindly. */

/** Asks every few milliseconds until the answer is yes (true) or the deadline has passed (false). */
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

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
