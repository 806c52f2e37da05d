/**
 * A thread that signals when requests are due. Timers of an event loop are only good to a millisecond; a thread's timed
 * wait is good to a tenth of one, and takes no CPU time from what is measured, as a loop that asks the clock would.
 */

export interface ClockOrder {
  /** How many requests are due; a change wakes the threads that wait for it. */
  readonly due: Int32Array;
  /** Anything but 0 ends the clock. */
  readonly stop: Int32Array;
  /** When the first request is due, in ms since 1970. */
  readonly start: number;
  readonly stepMs: number;
}

/** Goes on until it is stopped: Deno misses a notification now and then, and wakes at the next one. */
function tick({ due, stop, start, stepMs }: ClockOrder): void {
  while (Atomics.load(stop, 0) === 0) {
    const elapsed = performance.timeOrigin + performance.now() - start;
    const counted = Math.max(Math.floor(elapsed / stepMs) + 1, 0);
    Atomics.store(due, 0, counted);
    Atomics.notify(due, 0);
    Atomics.wait(stop, 0, 0, counted * stepMs - elapsed);
  }
}

addEventListener("message", (event) => tick((event as MessageEvent<ClockOrder>).data));
