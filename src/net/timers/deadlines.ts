/**
 * Deadlines shared by all that begin between two ticks: a burst of dials costs no timer and one AbortController, not
 * one each. One passes between one and 1.0625 timeouts after its start.
 */

import { Linked, LinkedList } from "../linked_list.ts";
import { Ticker } from "./ticker.ts";

/** A deadline may be joined for one tick, and passes at a tick: each costs a 32nd of the timeout at most. */
const TICKS = 32;

export class Deadlines {
  readonly #timeout: number;
  readonly #reason: () => unknown;
  readonly #pending = new LinkedList<Deadline>();
  readonly #ticker: Ticker;
  /** Started since the last tick. */
  #latest: Deadline | undefined;

  /**
   * @param timeout Milliseconds; Infinity is no deadline.
   * @param reason Makes what the signals abort with.
   */
  constructor(timeout: number, reason: () => unknown) {
    this.#timeout = timeout;
    this.#reason = reason;
    this.#ticker = new Ticker(timeout, TICKS, (now) => this.#expire(now));
  }

  /**
   * A deadline that begins now; dispose of it once what it bounds has ended. One `within` less than the timeout,
   * in milliseconds, is not shared; it passes up to a tick late too.
   */
  start(within = this.#timeout): Deadline {
    this.#ticker.start();
    if (within < this.#timeout) return this.#begin(performance.now() + within);
    if (this.#latest === undefined) return this.#latest = this.#begin(Infinity);
    this.#latest.users += 1;
    return this.#latest;
  }

  /** Passes all of them now. */
  abort(reason: unknown): void {
    this.#latest = undefined;
    for (const deadline of this.#pending.all()) deadline.pass(reason);
  }

  /** Clears the timer, unless a deadline is in use. */
  rest(): void {
    this.#closeLatest(performance.now());
    if (this.#pending.first === undefined) this.#ticker.stop();
  }

  #begin(endsAt: number): Deadline {
    const deadline = new Deadline(endsAt);
    this.#pending.add(deadline);
    return deadline;
  }

  #expire(now: number): boolean {
    this.#closeLatest(now);
    for (const deadline of this.#pending.all()) if (deadline.endsAt <= now) deadline.pass(this.#reason());
    return this.#pending.first !== undefined;
  }

  #closeLatest(now: number): void {
    this.#latest?.close(now + this.#timeout);
    this.#latest = undefined;
  }
}

export class Deadline extends Linked<Deadline> {
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

  /** Nothing more joins, so that the last to join has the whole timeout. */
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
