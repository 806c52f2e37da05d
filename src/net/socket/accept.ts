/** The accept loop: nothing in it waits but for the next connection, unless it is told to. */

import { AcceptEnd } from "./accept_end.ts";
import type { Conn } from "./conn.ts";
import type { Listener } from "./listen.ts";
import { abortable } from "../timers/abortable.ts";
import { sleep } from "../timers/sleep.ts";

/** First and longest pause after `accept()` has failed, in milliseconds. */
const FIRST_PAUSE = 5;
const LONGEST_PAUSE = 1000;
/** A failing accept is reported this often, in milliseconds. */
const REPORT_EVERY = 1000;

export interface AcceptOptions {
  /** Takes the connection over. Must not throw; nothing else is accepted until what it returns has resolved. */
  readonly onConnection: (conn: Conn) => Promise<void> | void;
  /** A client disconnected before its address could be read: only the fact that it connected is known. */
  readonly onLost?: () => void;
  /** Called at most once a second while accepting fails, with how often it failed since the last call. */
  readonly onError: (error: unknown, failures: number) => void;
  /** Closes the listener at once, and ends the loop. */
  readonly signal: AbortSignal;
  /** Once it aborts, the listener is closed and the loop ends as soon as no client has come for ACCEPT_IDLE. */
  readonly draining?: AbortSignal | undefined;
}

/**
 * Accepts until `signal` aborts, or until nobody comes any more once `draining` has, and closes the listener. What it
 * had accepted by then is handed over all the same; what waits in the kernel's queue is reset.
 *
 * A failure, such as running out of descriptors, never ends the loop: it pauses, longer each time, and goes on, while
 * new clients wait in the kernel's backlog. So they do while `onConnection` makes the loop wait, and neither counts
 * as a time in which nobody came: such a drain ends when what it waits for does, or by `signal`.
 */
export async function acceptConnections(listener: Listener, options: AcceptOptions): Promise<void> {
  const { onConnection, onLost, onError, signal, draining } = options;
  const end = new AcceptEnd(listener, signal, draining);
  let pause = 0;
  let failures = 0;
  let reportedAt = -Infinity;
  for (;;) {
    // A closed listener still has those it accepted before; then it rejects.
    const wasEnded = end.signal.aborted;
    end.waiting();
    try {
      const conn = await listener.accept();
      end.busy();
      const ready = onConnection(conn);
      pause = 0;
      if (ready !== undefined && !end.signal.aborted) await abortable(ready, end.signal);
    } catch (error) {
      end.busy();
      if (isLostClient(error)) {
        onLost?.();
        continue;
      }
      if (wasEnded) return;
      if (end.signal.aborted) continue;
      failures += 1;
      const now = performance.now();
      if (now - reportedAt >= REPORT_EVERY) {
        onError(error, failures);
        reportedAt = now;
        failures = 0;
      }
      pause = Math.min(Math.max(pause * 2, FIRST_PAUSE), LONGEST_PAUSE);
      await sleep(pause, end.signal);
    }
  }
}

/**
 * Whether an accept failed because its client disconnected first: Deno then cannot read its address
 * (ENOTCONN).
 */
export function isLostClient(error: unknown): boolean {
  return error instanceof Deno.errors.NotConnected || error instanceof Deno.errors.ConnectionAborted;
}
