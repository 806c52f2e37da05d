/**
 * Shares a thread between bulk streams and all other connections.
 *
 * Deno polls its sockets and timers when it has nothing else to do, or after 61 tasks (tokio's `event_interval`). While
 * reads and writes never have to wait, there is always a task to do: with eight streams at full speed, requests of four
 * other clients took more than 250 ms each (haproxy: 7 to 25 ms; with these turns 10 ms). So a timer runs while bulk
 * flows. Once it is overdue, the other connections have waited too long, and no bulk is read until it has fired: by
 * then Deno has polled all sockets.
 *
 * From then on, one direction at a time reads and writes until it has to wait or its turn is over, so that it writes
 * bytes that are still in the CPU cache. When all of eight streams read before the first one wrote, a GB took 1.2 times
 * the CPU time.
 */

import { clearImmediate, setImmediate } from "node:timers";

/** The longest time for which bulk is read before other connections are polled, in milliseconds. */
const LONGEST = 2.5;
/** The shortest timer, in milliseconds. It fires after 2.2 ms, even in an idle thread. */
const TIMER = 1;

/** The turns of all directions in a thread that move bulk. */
export class BulkTurns {
  /** Reads that wait for their turn, first come first. */
  readonly #waiting: (() => void)[] = [];
  /** The read that may continue while others wait. */
  #holder: (() => void) | undefined;
  #directions = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #afterHolder: ReturnType<typeof setImmediate> | undefined;
  /** When the other connections must be polled, as `performance.now()`. */
  #until = 0;

  readonly #clock: { now(): number };

  constructor(clock: { now(): number } = performance) {
    this.#clock = clock;
  }

  /** A direction begins to move bulk. */
  enter(): void {
    this.#directions += 1;
  }

  /** A direction that entered has ended. After the last one, clears the timers and releases the waiting reads. */
  leave(): void {
    this.#directions -= 1;
    if (this.#directions > 0) return;
    clearTimeout(this.#timer);
    clearImmediate(this.#afterHolder);
    this.#timer = this.#afterHolder = this.#holder = undefined;
    for (const read of this.#waiting.splice(0)) read();
  }

  /** Calls `read` now, or when its turn comes. All reads of a direction must pass the same function. */
  take(read: () => void): void {
    if (this.#timer === undefined) this.#begin();
    const isFree = this.#waiting.length === 0 || read === this.#holder;
    if (isFree && this.#clock.now() < this.#until) read();
    else this.#waiting.push(read);
  }

  #begin(): void {
    this.#until = this.#clock.now() + LONGEST;
    this.#timer = setTimeout(this.#onTimer, TIMER);
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    if (this.#waiting.length === 0) return;
    clearImmediate(this.#afterHolder);
    this.#begin();
    this.#next();
  };

  /** Runs when the holder has to wait. */
  readonly #next = (): void => {
    this.#afterHolder = this.#holder = undefined;
    if (this.#waiting.length === 0 || this.#clock.now() >= this.#until) return;
    this.#holder = this.#waiting.shift()!;
    this.#holder();
    this.#afterHolder = setImmediate(this.#next);
  };
}

/** The turns of this thread. */
export const bulkTurns = new BulkTurns();
