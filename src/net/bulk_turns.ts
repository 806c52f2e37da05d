/**
 * Bulk leaves the thread to others in between.
 *
 * Deno looks at its sockets and timers when nothing is left to do, or after 61 polls of what there is (tokio's
 * `event_interval`). Reads and writes that never have to wait always leave something to do: behind eight streams as
 * fast as a thread can pass them on, requests of four other clients took more than 250 ms each (haproxy: 7; with this
 * 11). So a timer runs while bulk flows. Once it is overdue, nobody else has had a turn for too long, and no bulk is
 * read until it has fired, which takes a look at all sockets.
 */

/** How long bulk may be read without a look at everything else, in milliseconds. */
const LONGEST = 2;
/** When the timer fires if it can. Deno's timers are up to a millisecond late, which must not look overdue. */
const TIMER = 1;

/** The turns of the directions of one thread that move bulk. */
export class BulkTurns {
  /** Reads that wait for the next turn, in the order in which they came. */
  readonly #waiting: (() => void)[] = [];
  #directions = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the turn ends, as `performance.now()`. */
  #until = 0;

  /** A direction begins to move bulk. */
  enter(): void {
    this.#directions += 1;
  }

  /** A direction that entered has ended. The last one leaves no timer behind. */
  leave(): void {
    this.#directions -= 1;
    if (this.#directions > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const read of this.#waiting.splice(0)) read();
  }

  /** Calls `read`: now, or when everybody else has had a turn. */
  take(read: () => void): void {
    if (this.#timer === undefined) this.#begin();
    if (this.#waiting.length === 0 && performance.now() < this.#until) read();
    else this.#waiting.push(read);
  }

  #begin(): void {
    this.#until = performance.now() + LONGEST;
    this.#timer = setTimeout(this.#onTimer, TIMER);
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    if (this.#waiting.length === 0) return;
    this.#begin();
    do this.#waiting.shift()!(); while (this.#waiting.length > 0 && performance.now() < this.#until);
  };
}

/** Those of this thread. */
export const bulkTurns = new BulkTurns();
