/** How many connections an endpoint may have at once, those included that pools hold or open ahead of clients. */

import type { Conn } from "../net/conn.ts";
import type { Gauge } from "../observe/gauge.ts";

/** The right to one connection. Disposing of it passes it on; doing so again changes nothing. */
export class Place implements Disposable {
  readonly #onLeft: () => void;
  #isLeft = false;

  constructor(onLeft: () => void) {
    this.#onLeft = onLeft;
  }

  [Symbol.dispose](): void {
    if (this.#isLeft) return;
    this.#isLeft = true;
    this.#onLeft();
  }
}

/** Where nothing is counted. */
export const UNCOUNTED = new Place(() => {});

/** A client for whom there was no place. */
interface Waiter {
  /** Whose connections it can use. */
  readonly pool: object | undefined;
  readonly grant: (granted: Place | Conn) => void;
}

/**
 * Clients are counted elsewhere, and no more of them are let in than there are places. So one who finds none left
 * finds one that a pool holds, or one whose connection is just being closed, and need only wait for it.
 */
export class Places {
  readonly #limit: number;
  readonly #gauge: Gauge | undefined;
  /** Those who came first are first. */
  readonly #waiters = new Set<Waiter>();
  #isRetired = false;

  /** @param gauge Counts the places taken, up to `limit`; undefined is no limit. */
  constructor(limit: number, gauge: Gauge | undefined) {
    this.#limit = limit;
    this.#gauge = gauge;
  }

  /** Whether clients wait, for whom what is not in use is to be closed. */
  get isWanted(): boolean {
    return this.#waiters.size > 0;
  }

  /** A place, if one is left. */
  take(): Place | undefined {
    if (this.#gauge === undefined || this.#isRetired) return UNCOUNTED;
    return this.#gauge.enter(this.#limit) ? new Place(this.#onLeft) : undefined;
  }

  /**
   * The next place that is left; or, if that comes first, a connection that `pool` has opened. To be called when
   * there is none to take.
   *
   * @throws the reason of `signal`.
   */
  wait(pool: object | undefined, signal: AbortSignal): Promise<Place | Conn> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const onAbort = () => {
        this.#waiters.delete(waiter);
        reject(signal.reason);
      };
      const waiter: Waiter = {
        pool,
        grant: (granted) => {
          this.#waiters.delete(waiter);
          signal.removeEventListener("abort", onAbort);
          resolve(granted);
        },
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#waiters.add(waiter);
    });
  }

  /** Gives a connection with its place to a client of `pool` who waits; tells whether there is one. */
  offer(pool: object, conn: Conn): boolean {
    const waiter = this.#waiters.values().find((each) => each.pool === pool);
    waiter?.grant(conn);
    return waiter !== undefined;
  }

  /** The endpoint is gone: those who still come are not counted any more. */
  retire(): void {
    this.#isRetired = true;
    this.#gauge?.release();
    for (const waiter of [...this.#waiters]) waiter.grant(UNCOUNTED);
  }

  readonly #onLeft = (): void => {
    const [next] = this.#waiters;
    if (next === undefined) this.#gauge!.leave();
    else next.grant(new Place(this.#onLeft));
  };
}
