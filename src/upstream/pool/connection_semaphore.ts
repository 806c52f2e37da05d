/** Limits the open connections of an endpoint, including those of pools. */

import type { Conn } from "../../net/socket/conn.ts";
import type { Gauge } from "../../shared/gauge.ts";
import type { WakeUps } from "../../shared/wake_ups.ts";

/** The right to one connection. Disposing releases it; may be disposed twice. */
export class Permit implements Disposable {
  readonly #onReleased: () => void;
  #isReleased = false;

  constructor(onReleased: () => void) {
    this.#onReleased = onReleased;
  }

  [Symbol.dispose](): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#onReleased();
  }
}

/** A permit without a limit. */
export const UNCOUNTED = new Permit(() => {});

/** A client that found no permit. */
interface Waiter {
  /** The pool whose connections it can use. */
  readonly pool: object | undefined;
  readonly grant: (granted: Permit | Conn) => void;
  /** Closes one idle connection. */
  readonly evictIdle: () => void;
}

/**
 * Limits the connections of one endpoint. A client has a slot at the endpoint (`Endpoint.enter()`) before it asks for a
 * permit, and there are no more slots than permits. So if no permit is left, a pool of some thread has one, or a socket
 * is being closed: it is enough to wait.
 */
export class ConnectionSemaphore {
  /** The limit for the next permits. */
  limit: number;
  readonly #gauge: Gauge;
  readonly #wakeUps: WakeUps;
  /** First come, first served. */
  readonly #waiters = new Set<Waiter>();
  /** Signals to other threads that a client waits here. */
  #waiting: DisposableStack | undefined;
  #isRetired = false;

  /**
   * @param limit 0 is no limit; then nothing is counted.
   * @param gauge Counts the permits in use.
   */
  constructor(limit: number, gauge: Gauge, wakeUps: WakeUps) {
    this.limit = limit;
    this.#gauge = gauge;
    this.#wakeUps = wakeUps;
  }

  /** Whether clients of any thread wait, so that idle connections must be closed. */
  get isWanted(): boolean {
    return this.#waiters.size > 0 || this.#gauge.isAwaited;
  }

  /** A permit, if one is left. */
  tryAcquire(): Permit | undefined {
    if (this.limit === 0 || this.#isRetired) return UNCOUNTED;
    if (this.#gauge.enter(this.limit)) return new Permit(this.#onReleased);
    return this.#gauge.isClaimed ? undefined : UNCOUNTED;
  }

  /**
   * Resolves with the next permit that becomes free or, if that comes first, a connection that `pool` has opened. Call
   * it when {@linkcode tryAcquire} has returned undefined.
   *
   * @param evictIdle Closes one idle connection, in any thread. Called at once, and again whenever another client has
   * got the freed permit.
   * @throws the reason of `signal`.
   */
  acquire(
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

  /** Hands a connection with its permit to a client of `pool` that waits here; false if none does. */
  offer(pool: object, conn: Conn): boolean {
    const waiter = this.#waiters.values().find((each) => each.pool === pool);
    waiter?.grant(conn);
    return waiter !== undefined;
  }

  /** The endpoint is removed: counts nothing from now on. */
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
    // Another thread may have released a permit before it could see that a client waits.
    const permit = this.tryAcquire();
    if (permit !== undefined) waiter.grant(permit);
  }

  #remove(waiter: Waiter): void {
    this.#waiters.delete(waiter);
    if (this.#waiters.size > 0) return;
    this.#waiting?.dispose();
    this.#waiting = undefined;
  }

  /** Hands free permits to those that wait. */
  readonly #serve = (): void => {
    for (const waiter of [...this.#waiters]) {
      const permit = this.tryAcquire();
      if (permit === undefined) return waiter.evictIdle();
      waiter.grant(permit);
    }
  };

  readonly #onReleased = (): void => {
    const [next] = this.#waiters;
    if (next !== undefined) next.grant(new Permit(this.#onReleased));
    else if (this.#gauge.leave()) this.#wakeUps.freed(this.#gauge.slot);
  };
}
