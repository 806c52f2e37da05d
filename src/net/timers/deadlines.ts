/**
 * Deadlines shared by all who begin at about the same time: a burst of dials costs one timer and one
 * AbortController, not one each. The price is precision: one passes between one and 1.0625 timeouts after its start.
 */

import { timerDelay } from "./sleep.ts";

/** Deadlines that begin within this part of the timeout are one. */
const PARTS = 16;

export class Deadlines {
  readonly #timeout: number;
  readonly #reason: () => unknown;
  readonly #pending = new Set<Deadline>();
  #latest: Deadline | undefined;

  /**
   * @param timeout Milliseconds; Infinity is no deadline.
   * @param reason Makes what the signals abort with.
   */
  constructor(timeout: number, reason: () => unknown) {
    this.#timeout = timeout;
    this.#reason = reason;
  }

  /**
   * A deadline that begins now; dispose of it once what it bounds has ended. One `within` less than the timeout,
   * in milliseconds, is not shared.
   */
  start(within = this.#timeout): Deadline {
    const now = performance.now();
    const latest = this.#latest;
    if (within < this.#timeout) return this.#begin(within, -Infinity);
    if (latest !== undefined && now <= latest.joinableUntil) return latest.join();
    return this.#latest = this.#begin(this.#timeout * (1 + 1 / PARTS), now + this.#timeout / PARTS);
  }

  /** Passes all of them now. */
  abort(reason: unknown): void {
    for (const deadline of [...this.#pending]) deadline.pass(reason);
  }

  #begin(milliseconds: number, joinableUntil: number): Deadline {
    const deadline = new Deadline(joinableUntil, (ended) => this.#end(ended));
    if (milliseconds < Infinity) deadline.arm(milliseconds, this.#reason);
    this.#pending.add(deadline);
    return deadline;
  }

  #end(deadline: Deadline): void {
    this.#pending.delete(deadline);
    if (this.#latest === deadline) this.#latest = undefined;
  }
}

export class Deadline implements Disposable {
  /** Whoever begins up to then shares this one; as `performance.now()`. */
  readonly joinableUntil: number;
  readonly #controller = new AbortController();
  readonly #onEnd: (deadline: Deadline) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #users = 1;

  constructor(joinableUntil: number, onEnd: (deadline: Deadline) => void) {
    this.joinableUntil = joinableUntil;
    this.#onEnd = onEnd;
  }

  /** Aborts when the deadline passes. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  arm(after: number, reason: () => unknown): void {
    this.#timer = setTimeout(() => this.pass(reason()), timerDelay(after));
  }

  join(): this {
    this.#users += 1;
    return this;
  }

  pass(reason: unknown): void {
    this.#end();
    this.#controller.abort(reason);
  }

  [Symbol.dispose](): void {
    this.#users -= 1;
    if (this.#users === 0) this.#end();
  }

  #end(): void {
    clearTimeout(this.#timer);
    this.#onEnd(this);
  }
}
