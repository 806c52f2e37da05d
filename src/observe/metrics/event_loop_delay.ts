/**
 * The delay of a repeated timer, which shows how busy the event loop of a thread is. `monitorEventLoopDelay` of
 * node:perf_hooks does not work in Deno 2.9.6: it reported 0.02 ms for a loop blocked for 100 ms.
 */

import type { Histogram } from "../counters/columns.ts";

/** Milliseconds between measurements. */
const INTERVAL = 100;

/** Measures until it is disposed of. Does not keep the process alive. */
export class EventLoopDelay implements Disposable {
  readonly #histogram: Pick<Histogram, "observe">;
  #due = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(histogram: Pick<Histogram, "observe">) {
    this.#histogram = histogram;
    this.#wait();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  #wait(): void {
    this.#due = performance.now() + INTERVAL;
    this.#timer = setTimeout(this.#measure, INTERVAL);
    this.#timer.unref();
  }

  readonly #measure = (): void => {
    const late = Math.max(0, performance.now() - this.#due);
    this.#wait();
    this.#histogram.observe(late / 1000);
  };
}
