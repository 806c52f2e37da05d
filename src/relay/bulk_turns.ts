/**
 * Bulk leaves the thread to others, and one stream to the next.
 *
 * Deno looks at its sockets and timers when nothing is left to do, or after 61 polls of what there is (tokio's
 * `event_interval`). Reads and writes that never have to wait always leave something to do: behind eight streams as
 * fast as a thread can pass them on, requests of four other clients took more than 250 ms each (haproxy: 7 to 25; with
 * this 10). So a timer runs while bulk flows. Once it is overdue, nobody else has had a turn for too long, and no bulk
 * is read until it has fired, which takes a look at all sockets.
 *
 * From then on one direction at a time reads and writes until it has to wait, or the turn is over. What it writes is
 * still in the processor's cache then: with eight streams in step, each reading before the first writes, the CPU time
 * for a GB was 1.2 times as much.
 */

import { clearImmediate, setImmediate } from "node:timers";

/** How long bulk may be read without a look at everything else, in milliseconds. */
const LONGEST = 2.5;
/** The shortest timer there is, in milliseconds. It fires after 2.2, even if nothing else is to be done. */
const TIMER = 1;

/** The turns of the directions of one thread that move bulk. */
export class BulkTurns {
  /** Reads that wait for their turn, in the order in which they came. */
  readonly #waiting: (() => void)[] = [];
  /** Who may go on while others wait. */
  #holder: (() => void) | undefined;
  #directions = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #afterHolder: ReturnType<typeof setImmediate> | undefined;
  /** When everybody else is to have a turn, as `performance.now()`. */
  #until = 0;

  readonly #clock: { now(): number };

  constructor(clock: { now(): number } = performance) {
    this.#clock = clock;
  }

  /** A direction begins to move bulk. */
  enter(): void {
    this.#directions += 1;
  }

  /** A direction that entered has ended. The last one leaves nothing behind. */
  leave(): void {
    this.#directions -= 1;
    if (this.#directions > 0) return;
    clearTimeout(this.#timer);
    clearImmediate(this.#afterHolder);
    this.#timer = this.#afterHolder = this.#holder = undefined;
    for (const read of this.#waiting.splice(0)) read();
  }

  /** Calls `read`, which is the same for all reads of a direction: now, or once it is its turn. */
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

  /** Comes after all that the holder could do without having to wait. */
  readonly #next = (): void => {
    this.#afterHolder = this.#holder = undefined;
    if (this.#waiting.length === 0 || this.#clock.now() >= this.#until) return;
    this.#holder = this.#waiting.shift()!;
    this.#holder();
    this.#afterHolder = setImmediate(this.#next);
  };
}

/** Those of this thread. */
export const bulkTurns = new BulkTurns();
