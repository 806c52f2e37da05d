/** A clock that a test moves. */

import { mock } from "node:test";
import { setImmediate } from "node:timers";

/** A clock that a test moves, for timers and performance.now(). */
export class FakeTime implements Disposable {
  #now = 0;

  constructor() {
    mock.method(performance, "now", () => this.#now);
    mock.timers.enable({ apis: ["setTimeout"] });
  }

  /** Moves in steps of 10 ms, between which everything runs that can. */
  async advance(milliseconds: number): Promise<void> {
    for (const end = this.#now + milliseconds; this.#now < end;) {
      await settled();
      this.#now += 10;
      mock.timers.tick(10);
    }
    await settled();
  }

  /** Moves the clock without the timers, as in a busy thread. */
  stall(milliseconds: number): void {
    this.#now += milliseconds;
  }

  [Symbol.dispose](): void {
    // In the other order, a test that mocks a fake timer would leave that behind.
    mock.restoreAll();
    mock.timers.reset();
  }
}

/** Resolves when everything has run that waits for no timer and no socket. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
