/**
 * The timeouts of connections: deadlines of single steps, idle time, and lifetime. Each has one timer for all of its
 * connections, which ticks a few times per timeout. So a timeout passes a tick or two late, but never early.
 */

import { Linked, LinkedList } from "../linked_list.ts";
import { Ticker } from "./ticker.ts";

/** How many ticks there are in one timeout. */
const TICKS = { deadline: 32, idle: 8, lifetime: 16 };

/** What can time out, and a timer that ticks while there is anything. */
abstract class Clock<Item extends Linked<Item>> {
  /** In the order in which they were added. */
  protected readonly items = new LinkedList<Item>();
  readonly #ticker: Ticker;

  /** @param timeout Milliseconds; Infinity never ticks. */
  constructor(timeout: number, ticks: number) {
    this.#ticker = new Ticker(timeout, ticks, (now) => {
      this.look(now);
      return this.items.first !== undefined;
    });
  }

  /** Clears the timer, unless something can time out. */
  rest(): void {
    if (this.items.first === undefined) this.#ticker.stop();
  }

  protected add(item: Item): void {
    this.items.add(item);
    if (!this.#ticker.isTicking) this.#ticker.start();
  }

  /** Ends what has timed out. @param now As `performance.now()`. */
  protected abstract look(now: number): void;
}

/**
 * Deadlines. Those that begin between two ticks share one AbortController, so a burst of dials costs little. A deadline
 * passes between one and 1.0625 timeouts after its start: others may join it for one tick, and it passes at a tick.
 */
export class Deadlines extends Clock<Deadline> {
  readonly #timeout: number;
  readonly #reason: () => unknown;
  /** The one that began after the last tick, which others may join. */
  #latest: Deadline | undefined;

  /**
   * @param timeout Milliseconds; Infinity is no deadline.
   * @param reason Makes the reason with which the signals abort.
   */
  constructor(timeout: number, reason: () => unknown) {
    super(timeout, TICKS.deadline);
    this.#timeout = timeout;
    this.#reason = reason;
  }

  /**
   * Starts a deadline; dispose of it when the work that it limits has ended. With `within` shorter than the timeout, in
   * milliseconds, it is not shared; it too passes up to a tick late.
   */
  start(within = this.#timeout): Deadline {
    if (within < this.#timeout) return this.#begin(performance.now() + within);
    if (this.#latest === undefined) return this.#latest = this.#begin(Infinity);
    this.#latest.users += 1;
    return this.#latest;
  }

  /** Makes all deadlines pass now. */
  abort(reason: unknown): void {
    this.#latest = undefined;
    for (const deadline of this.items.all()) deadline.pass(reason);
  }

  override rest(): void {
    this.#closeLatest(performance.now());
    super.rest();
  }

  protected override look(now: number): void {
    this.#closeLatest(now);
    for (const deadline of this.items.all()) if (deadline.endsAt <= now) deadline.pass(this.#reason());
  }

  #begin(endsAt: number): Deadline {
    const deadline = new Deadline(endsAt);
    this.add(deadline);
    return deadline;
  }

  #closeLatest(now: number): void {
    this.#latest?.close(now + this.#timeout);
    this.#latest = undefined;
  }
}

class Deadline extends Linked<Deadline> {
  readonly #controller = new AbortController();
  /** As `performance.now()`; Infinity while others may join. */
  endsAt: number;
  users = 1;

  constructor(endsAt: number) {
    super();
    this.endsAt = endsAt;
  }

  /** Aborts when the deadline passes. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** No other deadline joins any more: the last one to join has the whole timeout. */
  close(endsAt: number): void {
    this.endsAt = endsAt;
    this.#endUnused();
  }

  pass(reason: unknown): void {
    super[Symbol.dispose]();
    this.#controller.abort(reason);
  }

  override [Symbol.dispose](): void {
    this.users -= 1;
    if (this.endsAt < Infinity) this.#endUnused();
  }

  #endUnused(): void {
    if (this.users === 0) super[Symbol.dispose]();
  }
}

/** A connection as {@linkcode IdleClock} sees it. */
export interface Watched {
  /** Changes whenever bytes came from either side. */
  readonly activity: number;
  readonly isHalfClosed: boolean;
  /** Called once, when no byte has come for too long. */
  expire(): void;
}

class IdleWatch extends Linked<IdleWatch> {
  readonly watched: Watched;
  // The last observed value, and when it was first observed, in milliseconds; undefined before the first
  // check.
  activity: number | undefined;
  isHalfClosed: boolean | undefined;
  since: number | undefined;

  constructor(watched: Watched) {
    super();
    this.watched = watched;
  }
}

/**
 * Ends connections that are idle. It checks every connection eight times per timeout for bytes since the last check, so
 * that relaying bytes sets no timer and reads no clock. The price is precision: a connection ends between one and 1.25
 * timeouts after its last byte, which may be noticed one check late, as the end may come one check late.
 */
export class IdleClock extends Clock<IdleWatch> {
  readonly #idleTimeout: number;
  readonly #halfCloseTimeout: number;

  /**
   * Both in milliseconds. `idleTimeout` 0 is no limit; with `halfCloseTimeout` 0, the idle timeout also applies to
   * half-closed connections.
   */
  constructor(idleTimeout: number, halfCloseTimeout: number) {
    super(Math.min(idleTimeout || Infinity, halfCloseTimeout || Infinity), TICKS.idle);
    this.#idleTimeout = idleTimeout || Infinity;
    this.#halfCloseTimeout = halfCloseTimeout || this.#idleTimeout;
  }

  /** Watches a connection until the result is disposed of. */
  watch(watched: Watched): Disposable {
    if (this.#idleTimeout === Infinity && this.#halfCloseTimeout === Infinity) return NOTHING;
    const watch = new IdleWatch(watched);
    this.add(watch);
    return watch;
  }

  protected override look(now: number): void {
    for (const watch of this.items.all()) {
      const { watched, since } = watch;
      if (
        since === undefined || watched.activity !== watch.activity ||
        watched.isHalfClosed !== watch.isHalfClosed
      ) {
        watch.activity = watched.activity;
        watch.isHalfClosed = watched.isHalfClosed;
        watch.since = now;
      } else if (now - since >= (watch.isHalfClosed ? this.#halfCloseTimeout : this.#idleTimeout)) {
        watched.expire();
      }
    }
  }
}

const NOTHING: Disposable = { [Symbol.dispose]() {} };

class Life extends Linked<Life> {
  readonly endsAt: number;
  readonly expire: () => void;

  constructor(endsAt: number, expire: () => void) {
    super();
    this.endsAt = endsAt;
    this.expire = expire;
  }
}

/** Ends connections that have reached their lifetime, between one and 1.0625 lifetimes after they began. */
export class LifetimeClock extends Clock<Life> {
  readonly #lifetime: number;

  /** @param lifetime Milliseconds. */
  constructor(lifetime: number) {
    super(lifetime, TICKS.lifetime);
    this.#lifetime = lifetime;
  }

  /** Calls `expire` one lifetime from now, unless the result is disposed of first. */
  watch(expire: () => void): Disposable {
    const life = new Life(performance.now() + this.#lifetime, expire);
    this.add(life);
    return life;
  }

  /** The oldest are first, as all live equally long. */
  protected override look(now: number): void {
    for (let oldest = this.items.first; oldest !== undefined && oldest.endsAt <= now;) {
      this.items.delete(oldest);
      oldest.expire();
      oldest = this.items.first;
    }
  }
}
