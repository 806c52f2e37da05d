/** The accept loop: nothing in it waits but for the next connection, unless it is told to. */

import type { Conn } from "./conn.ts";
import type { Listener } from "./listen.ts";
import { sleep } from "./sleep.ts";

/** First and longest pause after `accept()` has failed, in milliseconds. */
const FIRST_PAUSE = 5;
const LONGEST_PAUSE = 1000;
/** A failing accept is reported this often, in milliseconds. */
const REPORT_EVERY = 1000;

export interface AcceptOptions {
  /** Takes the connection over. Must not throw; nothing else is accepted until what it returns has resolved. */
  readonly onConnection: (conn: Conn) => Promise<void> | void;
  /** Called at most once a second while accepting fails, with how often it failed since the last call. */
  readonly onError: (error: unknown, failures: number) => void;
  /** Ends the loop; close the listener with it. */
  readonly signal: AbortSignal;
}

/**
 * Accepts until `signal` aborts. A failure, such as running out of descriptors, never ends the loop: it pauses,
 * longer each time, and goes on, while new clients wait in the kernel's backlog.
 */
export async function acceptConnections(listener: Listener, options: AcceptOptions): Promise<void> {
  const { onConnection, onError, signal } = options;
  let pause = 0;
  let failures = 0;
  let reportedAt = -Infinity;
  while (!signal.aborted) {
    try {
      const ready = onConnection(await listener.accept());
      pause = 0;
      if (ready !== undefined) await ready;
    } catch (error) {
      if (signal.aborted) return;
      if (isLostClient(error)) continue;
      failures += 1;
      const now = performance.now();
      if (now - reportedAt >= REPORT_EVERY) {
        onError(error, failures);
        reportedAt = now;
        failures = 0;
      }
      pause = Math.min(Math.max(pause * 2, FIRST_PAUSE), LONGEST_PAUSE);
      await sleep(pause, signal);
    }
  }
}

/** A client that gave up between the kernel's accept and ours: Deno fails to read its address (ENOTCONN). */
function isLostClient(error: unknown): boolean {
  return error instanceof Deno.errors.NotConnected || error instanceof Deno.errors.ConnectionAborted;
}
