/** The accept loop: it waits for the next connection only, unless `onConnection` returns a promise. */

import type { Conn } from "./conn.ts";
import { abortable } from "../timers/abortable.ts";
import { sleep } from "../timers/sleep.ts";
import type { Listener } from "./listen.ts";

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
 * Accepts until `signal` aborts, or once `draining` has, until no more clients connect; then closes the listener.
 * Connections accepted by then are still handed over; those in the kernel's queue are reset.
 *
 * A failure, such as running out of descriptors, never ends the loop: it pauses, longer each time, and continues, while
 * new clients wait in the kernel's backlog. They also wait there while `onConnection` makes the loop wait. Neither
 * counts as a time without clients: such a drain ends when the wait does, or by `signal`.
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

/**
 * A draining listener closes after this time without a client, in milliseconds. Closing resets the connections in the
 * kernel's queue: a client that saw its connect succeed would lose what it sent.
 */
export const ACCEPT_IDLE = 50;
/**
 * Checks within that time. A single timer would also expire while this thread is busy, and fire before the accepts of
 * clients that connected meanwhile. A late check has the same problem, so it does not count.
 */
const CHECKS = 5;
const CHECK_EVERY = ACCEPT_IDLE / CHECKS;
const LATE = 2 * CHECK_EVERY;

/** Closes the listener of an accept loop when the loop must end. */
class AcceptEnd {
  readonly #listener: Listener;
  readonly #ended = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Checks since the loop began to wait for a client; undefined while it does something else. */
  #quiet: number | undefined;

  /**
   * @param atOnce Ends it when it aborts.
   * @param draining Once it aborts, {@linkcode ACCEPT_IDLE} without a client ends it.
   */
  constructor(listener: Listener, atOnce: AbortSignal, draining: AbortSignal | undefined) {
    this.#listener = listener;
    const { signal } = this.#ended;
    if (draining?.aborted) this.#checkAgain();
    else draining?.addEventListener("abort", () => this.#checkAgain(), { once: true, signal });
    if (atOnce.aborted) this.#end();
    else atOnce.addEventListener("abort", () => this.#end(), { once: true, signal });
  }

  /** Aborts at the end, when the listener is closed. */
  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /** The loop begins to wait for a client. */
  waiting(): void {
    this.#quiet = 0;
  }

  /** The loop does something else: there may be clients in the queue. */
  busy(): void {
    this.#quiet = undefined;
  }

  #checkAgain(): void {
    const began = performance.now();
    this.#timer = setTimeout(() => this.#check(performance.now() - began), CHECK_EVERY);
  }

  #check(after: number): void {
    if (this.#quiet !== undefined && after < LATE) this.#quiet += 1;
    // The first check may have followed right after the loop began to wait.
    if (this.#quiet === CHECKS + 1) this.#end();
    else this.#checkAgain();
  }

  #end(): void {
    clearTimeout(this.#timer);
    this.#listener.close();
    this.#ended.abort();
  }
}
