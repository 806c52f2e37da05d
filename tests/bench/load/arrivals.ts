/** Clients that connect at set times, however long the earlier ones wait (an open loop), and read one byte each. */
import { pause, within } from "../wait.ts";

const DEADLINE_MS = 5000;

/**
 * Connects `count` times, `perSecond`, and waits for the server to speak.
 *
 * @returns Milliseconds from each connect to its first byte, in the order of arrival.
 * @throws When a connection fails, or brings nothing within five seconds.
 */
export async function firstByteTimes(port: number, perSecond: number, count: number): Promise<number[]> {
  const start = performance.now();
  const times: Promise<number>[] = [];
  for (let arrival = 0; arrival < count; arrival++) {
    const early = start + arrival * 1000 / perSecond - performance.now();
    if (early > 0) await pause(early);
    const time = firstByteTime(port);
    // This reports failures after all have connected.
    time.catch(() => {});
    times.push(time);
  }
  return await Promise.all(times);
}

async function firstByteTime(port: number): Promise<number> {
  const start = performance.now();
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  const count = await within(DEADLINE_MS, conn.read(new Uint8Array(64)), "first byte");
  if (count === null) throw new Error("a connection ended before its first byte");
  return performance.now() - start;
}
