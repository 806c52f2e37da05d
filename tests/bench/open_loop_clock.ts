/**
 * A thread that says when requests are due. Timers of an event loop are only good to a millisecond; a thread's timed
 * wait is good to a tenth of one, and takes no CPU time from what is measured, as a loop that asks the clock would.
 */

export interface ClockOrder {
  /** How many requests are due; everyone who waits for it is told of a change. */
  readonly due: Int32Array;
  /** When the first is, in ms since 1970. */
  readonly start: number;
  readonly stepMs: number;
  readonly count: number;
}

function tick({ due, start, stepMs, count }: ClockOrder): void {
  const never = new Int32Array(new SharedArrayBuffer(4));
  for (let counted = 0; counted < count;) {
    const elapsed = performance.timeOrigin + performance.now() - start;
    const early = counted * stepMs - elapsed;
    if (early > 0) {
      Atomics.wait(never, 0, 0, early);
      continue;
    }
    counted = Math.min(Math.floor(elapsed / stepMs) + 1, count);
    Atomics.store(due, 0, counted);
    Atomics.notify(due, 0);
  }
}

addEventListener("message", (event) => tick((event as MessageEvent<ClockOrder>).data));
