/** Detects workers whose event loop is stuck: blocked in the kernel, or in an endless loop. */

import type { SignsOfLife } from "../../shared/heartbeat.ts";

/** Milliseconds between two checks, and missed checks before a worker counts as hung: half a minute in all. */
const CHECK_EVERY = 1000;
const MISSED_LIMIT = 30;

export class HeartbeatMonitor implements Disposable {
  readonly #timer: ReturnType<typeof setInterval>;

  /** @param onSilent Called at every check while a worker is over the limit. */
  constructor(
    signs: SignsOfLife,
    slots: readonly { readonly thread: unknown }[],
    onSilent: (thread: number) => void,
    checkEvery = CHECK_EVERY,
  ) {
    this.#timer = setInterval(() => {
      for (const [thread, slot] of slots.entries()) {
        if (slot.thread === undefined) signs.forget(thread);
        else if (signs.look(thread) >= MISSED_LIMIT) onSilent(thread);
      }
    }, checkEvery);
    this.#timer.unref();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
