/** Notices workers that take no turns any more: that wait for the kernel, or run in a circle. */

import type { SignsOfLife } from "../observe/sign_of_life.ts";

/** Milliseconds between two looks, and how many in a row a worker may show nothing: half a minute of a busy machine. */
const LOOK_EVERY = 1000;
const PATIENCE = 30;

/** Where a worker is, if there is one. */
export interface WatchedSeat {
  readonly thread: unknown;
}

export class LifeWatch implements Disposable {
  readonly #timer: ReturnType<typeof setInterval>;

  /** @param onSilent A worker has shown nothing for so long. Called again and again while it is there. */
  constructor(
    signs: SignsOfLife,
    seats: readonly WatchedSeat[],
    onSilent: (thread: number) => void,
    lookEvery = LOOK_EVERY,
  ) {
    this.#timer = setInterval(() => {
      for (const [thread, seat] of seats.entries()) {
        if (seat.thread === undefined) signs.forget(thread);
        else if (signs.look(thread) >= PATIENCE) onSilent(thread);
      }
    }, lookEvery);
    this.#timer.unref();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
