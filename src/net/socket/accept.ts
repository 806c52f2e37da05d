/** The accept loop. It waits for nothing but the next connection, unless `onConnection` returns a promise. */

import type { ListenAddress } from "../address.ts";
import type { Conn } from "./conn.ts";
import { abortable } from "../timers/abortable.ts";
import { sleep } from "../timers/sleep.ts";
import type { Listener } from "./listen.ts";

/** First and longest pause after `accept()` has failed, in milliseconds. */
const FIRST_PAUSE = 5;
const LONGEST_PAUSE = 1000;
/** The shortest time between two reports of failing accepts, in milliseconds. */
const REPORT_EVERY = 1000;

/** What a loop calls. */
export interface AcceptHandler {
  /**
   * Takes the connection over. Must not throw. If it returns a promise, the loop accepts nothing until that resolves.
   */
  readonly onConnection: (conn: Conn) => Promise<void> | void;
  /** A client disconnected before its address could be read. Nothing else is known about it. */
  readonly onLost?: () => void;
  /** Called at most once a second while accepting fails; `failures` counts the failures since the last call. */
  readonly onError: (error: unknown, failures: number) => void;
}

export interface AcceptOptions extends AcceptHandler {
  /** When it aborts, the listener is closed at once and the loop ends. */
  readonly signal: AbortSignal;
  /** After it has aborted, the listener is closed and the loop ends once no client has come for ACCEPT_IDLE. */
  readonly draining?: AbortSignal | undefined;
}

/**
 * Accepts connections until `signal` aborts, or until `draining` has aborted and no more clients connect. Then it
 * closes the listener. It still hands over connections accepted by then; the kernel resets those in its queue.
 *
 * A failure, such as running out of descriptors, never ends the loop: it pauses, longer each time, and continues.
 * Meanwhile new clients wait in the kernel's backlog, as they do while `onConnection` makes the loop wait. Neither
 * counts as time without clients: the drain goes on until such a wait is over, or `signal` aborts.
 */
export function acceptConnections(listener: Listener<ListenAddress>, options: AcceptOptions): Promise<void> {
  return new AcceptLoop(listener, options).ended;
}

/** The same, for a handler that may change meanwhile. */
export class AcceptLoop {
  /** Resolves when the loop has ended. */
  readonly ended: Promise<void>;
  readonly #listener: Listener<ListenAddress>;
  readonly #end: AcceptEnd;
  #handler: AcceptHandler;
  #onReplaced: (() => void) | undefined;

  constructor(listener: Listener<ListenAddress>, options: AcceptOptions) {
    this.#listener = listener;
    this.#handler = options;
    this.#end = new AcceptEnd(listener, options.signal, options.draining);
    this.ended = this.#run();
  }

  /** Sets the handler of later connections. The loop no longer waits for a promise of the previous one. */
  set handler(handler: AcceptHandler) {
    this.#handler = handler;
    this.#onReplaced?.();
  }

  async #run(): Promise<void> {
    const end = this.#end;
    let pause = 0;
    let failures = 0;
    let reportedAt = -Infinity;
    for (;;) {
      // A closed listener first returns the connections that it had accepted; then it rejects.
      const wasEnded = end.signal.aborted;
      end.waiting();
      try {
        const conn = await this.#listener.accept();
        end.busy();
        const ready = this.#handler.onConnection(conn);
        pause = 0;
        if (ready !== undefined && !end.signal.aborted) await this.#untilReady(ready);
      } catch (error) {
        end.busy();
        if (isLostClient(error)) {
          this.#handler.onLost?.();
          continue;
        }
        if (wasEnded) return;
        if (end.signal.aborted) continue;
        failures += 1;
        const now = performance.now();
        if (now - reportedAt >= REPORT_EVERY) {
          this.#handler.onError(error, failures);
          reportedAt = now;
          failures = 0;
        }
        pause = Math.min(Math.max(pause * 2, FIRST_PAUSE), LONGEST_PAUSE);
        await sleep(pause, end.signal);
      }
    }
  }

  /** Rejects when the loop has to end. */
  #untilReady(ready: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#onReplaced = resolve;
      abortable(ready, this.#end.signal).then(resolve, reject);
    });
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

/** Decides when an accept loop must end, and closes its listener then. */
class AcceptEnd {
  readonly #listener: Listener<ListenAddress>;
  readonly #ended = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** How many checks there were since the loop began to wait for a client; undefined while it does something else. */
  #quiet: number | undefined;

  /**
   * @param atOnce Ends it when it aborts.
   * @param draining Once it aborts, {@linkcode ACCEPT_IDLE} without a client ends it.
   */
  constructor(listener: Listener<ListenAddress>, atOnce: AbortSignal, draining: AbortSignal | undefined) {
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
