/** Detects workers whose event loop is stuck: blocked in the kernel, or in an endless loop. */

import type { SignsOfLife } from "../../shared/heartbeat.ts";

/** Milliseconds between two looks, and how many in a row a worker may show nothing: half a minute of a busy machine. */
const LOOK_EVERY = 1000;
const PATIENCE = 30;

/** Where a worker is, if there is one. */
export interface WatchedSlot {
  readonly thread: unknown;
}

export class HeartbeatMonitor implements Disposable {
  readonly #timer: ReturnType<typeof setInterval>;

  /** @param onSilent Called repeatedly while a worker shows no heartbeat within the limit. */
  constructor(
    signs: SignsOfLife,
    seats: readonly WatchedSlot[],
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
