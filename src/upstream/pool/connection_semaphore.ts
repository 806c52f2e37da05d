/** How many connections an endpoint may have at once, those included that pools hold or open ahead of clients. */

import type { Conn } from "../../net/socket/conn.ts";
import type { Gauge } from "../../shared/gauge.ts";
import type { WakeUps } from "../../shared/wake_ups.ts";

/** The right to one connection. Disposing of it passes it on; doing so again changes nothing. */
export class Permit implements Disposable {
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
export const UNCOUNTED = new Permit(() => {});

/** A client for whom there was no place. */
interface Waiter {
  /** Whose connections it can use. */
  readonly pool: object | undefined;
  readonly grant: (granted: Permit | Conn) => void;
  /** Has a connection closed that nobody uses. */
  readonly evictIdle: () => void;
}

/**
 * Clients are counted elsewhere, and no more of them are let in than there are places. So one who finds none left
 * finds one that a pool holds, in this thread or another, or one whose connection is just being closed, and need only
 * wait for it.
 */
export class ConnectionSemaphore {
  /** What counts from the next one on. */
  limit: number;
  readonly #gauge: Gauge;
  readonly #wakeUps: WakeUps;
  /** Those who came first are first. */
  readonly #waiters = new Set<Waiter>();
  /** Shows other threads that somebody waits here. */
  #waiting: DisposableStack | undefined;
  #isRetired = false;

  /**
   * @param limit 0 is no limit, and then nothing is counted.
   * @param gauge Counts the places taken.
   */
  constructor(limit: number, gauge: Gauge, wakeUps: WakeUps) {
    this.limit = limit;
    this.#gauge = gauge;
    this.#wakeUps = wakeUps;
  }

  /** Whether clients wait, in whatever thread, for whom what is not in use is to be closed. */
  get isWanted(): boolean {
    return this.#waiters.size > 0 || this.#gauge.isAwaited;
  }

  /** A place, if one is left. */
  take(): Permit | undefined {
    if (this.limit === 0 || this.#isRetired) return UNCOUNTED;
    if (this.#gauge.enter(this.limit)) return new Permit(this.#onLeft);
    return this.#gauge.isClaimed ? undefined : UNCOUNTED;
  }

  /**
   * The next place that is left; or, if that comes first, a connection that `pool` has opened. To be called when
   * there is none to take.
   *
   * @param evictIdle Has a connection closed that nobody uses, wherever it is. Called at once, and again whenever a
   * place was left and somebody else was faster.
   * @throws the reason of `signal`.
   */
  wait(
    pool: object | undefined,
    signal: AbortSignal,
    evictIdle: () => void = () => {},
  ): Promise<Permit | Conn> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const onAbort = () => {
        this.#remove(waiter);
        reject(signal.reason);
      };
      const waiter: Waiter = {
        pool,
        evictIdle,
        grant: (granted) => {
          this.#remove(waiter);
          signal.removeEventListener("abort", onAbort);
          resolve(granted);
        },
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#add(waiter);
      if (this.#waiters.has(waiter)) evictIdle();
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
    this.#waiting.use(this.#gauge.wait());
    this.#waiting.use(this.#wakeUps.watch(this.#gauge.slot, this.#serve));
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
      if (place === undefined) return waiter.evictIdle();
      waiter.grant(place);
    }
  };

  readonly #onLeft = (): void => {
    const [next] = this.#waiters;
    if (next !== undefined) next.grant(new Permit(this.#onLeft));
    else if (this.#gauge.leave()) this.#wakeUps.freed(this.#gauge.slot);
  };
}
