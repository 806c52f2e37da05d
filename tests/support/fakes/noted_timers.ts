/** Timers whose delays are recorded. */

/** Replaces setTimeout() until it is disposed of. */
export class NotedTimers implements Disposable {
  /** In milliseconds, in the order of the calls. */
  readonly delays: number[] = [];
  readonly #setTimeout = globalThis.setTimeout;

  /** @param onTimer Gets the callback of each timer; does nothing by default. */
  constructor(onTimer: (fire: () => void) => void = () => {}) {
    const note = (fire: () => void, delay: number) => {
      this.delays.push(delay);
      onTimer(fire);
      return {};
    };
    globalThis.setTimeout = note as unknown as typeof setTimeout;
  }

  [Symbol.dispose](): void {
    globalThis.setTimeout = this.#setTimeout;
  }
}
