/** How many connections an endpoint may have at once, those included that pools hold or open ahead of clients. */

import type { Conn } from "../net/conn.ts";
import type { Gauge } from "../observe/gauge.ts";
import type { WakeUps } from "../observe/wake_ups.ts";

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
  /** Has a connection closed that nobody uses. */
  readonly makeRoom: () => void;
}

/**
 * Clients are counted elsewhere, and no more of them are let in than there are places. So one who finds none left
 * finds one that a pool holds, in this thread or another, or one whose connection is just being closed, and need only
 * wait for it.
 */
export class Places {
  readonly #limit: number;
  readonly #gauge: Gauge | undefined;
  readonly #wakeUps: WakeUps;
  /** Those who came first are first. */
  readonly #waiters = new Set<Waiter>();
  /** Shows other threads that somebody waits here. */
  #waiting: DisposableStack | undefined;
  #isRetired = false;

  /** @param gauge Counts the places taken, up to `limit`; undefined is no limit. */
  constructor(limit: number, gauge: Gauge | undefined, wakeUps: WakeUps) {
    this.#limit = limit;
    this.#gauge = gauge;
    this.#wakeUps = wakeUps;
  }

  /** Whether clients wait, in whatever thread, for whom what is not in use is to be closed. */
  get isWanted(): boolean {
    return this.#waiters.size > 0 || this.#gauge?.isAwaited === true;
  }

  /** A place, if one is left. */
  take(): Place | undefined {
    if (this.#gauge === undefined || this.#isRetired) return UNCOUNTED;
    if (this.#gauge.enter(this.#limit)) return new Place(this.#onLeft);
    return this.#gauge.isReleased ? UNCOUNTED : undefined;
  }

  /**
   * The next place that is left; or, if that comes first, a connection that `pool` has opened. To be called when
   * there is none to take.
   *
   * @param makeRoom Has a connection closed that nobody uses, wherever it is. Called at once, and again whenever a
   * place was left and somebody else was faster.
   * @throws the reason of `signal`.
   */
  wait(pool: object | undefined, signal: AbortSignal, makeRoom: () => void = () => {}): Promise<Place | Conn> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const onAbort = () => {
        this.#remove(waiter);
        reject(signal.reason);
      };
      const waiter: Waiter = {
        pool,
        makeRoom,
        grant: (granted) => {
          this.#remove(waiter);
          signal.removeEventListener("abort", onAbort);
          resolve(granted);
        },
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#add(waiter);
      if (this.#waiters.has(waiter)) makeRoom();
    });
  }

  /** Gives a connection with its place to a client of `pool` who waits here; tells whether there is one. */
  offer(pool: object, conn: Conn): boolean {
    const waiter = this.#waiters.values().find((each) => each.pool === pool);
    waiter?.grant(conn);
    return waiter !== undefined;
  }

  /** The endpoint is gone: those who still come are not counted any more. */
  retire(): void {
    this.#isRetired = true;
    for (const waiter of [...this.#waiters]) waiter.grant(UNCOUNTED);
  }

  #add(waiter: Waiter): void {
    this.#waiters.add(waiter);
    if (this.#waiting !== undefined) return;
    this.#waiting = new DisposableStack();
    this.#waiting.use(this.#gauge!.wait());
    this.#waiting.use(this.#wakeUps.watch(this.#gauge!.slot, this.#serve));
    // One may have been left in another thread before it could see that somebody waits.
    const place = this.take();
    if (place !== undefined) waiter.grant(place);
  }

  #remove(waiter: Waiter): void {
    this.#waiters.delete(waiter);
    if (this.#waiters.size > 0) return;
    this.#waiting?.dispose();
    this.#waiting = undefined;
  }

  /** Gives places that are left to those who wait. */
  readonly #serve = (): void => {
    for (const waiter of [...this.#waiters]) {
      const place = this.take();
      if (place === undefined) return waiter.makeRoom();
      waiter.grant(place);
    }
  };

  readonly #onLeft = (): void => {
    const [next] = this.#waiters;
    if (next !== undefined) next.grant(new Place(this.#onLeft));
    else if (this.#gauge!.leave()) this.#wakeUps.freed(this.#gauge!.slot);
  };
}
