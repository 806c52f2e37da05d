/** Notices workers that take no turns any more: that have ended without a word, or run in a circle. */

import type { SignsOfLife } from "../observe/sign_of_life.ts";
import type { WorkerThread } from "./worker_thread.ts";

/** Milliseconds between two looks, and how many in a row a worker may show nothing: half a minute of a busy machine. */
const LOOK_EVERY = 1000;
const PATIENCE = 30;

/** Where a worker is, if there is one. */
export interface WatchedSeat {
  readonly thread: Pick<WorkerThread, "die"> | undefined;
}

export class LifeWatch implements Disposable {
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(signs: SignsOfLife, seats: readonly WatchedSeat[], lookEvery = LOOK_EVERY) {
    this.#timer = setInterval(() => {
      for (const [thread, seat] of seats.entries()) {
        if (seat.thread === undefined) signs.forget(thread);
        else if (signs.look(thread) >= PATIENCE) seat.thread.die("it shows no sign of life");
      }
    }, lookEvery);
    this.#timer.unref();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
