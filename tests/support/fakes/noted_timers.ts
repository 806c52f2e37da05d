/** Timers whose delays are noted. */

/** In place of setTimeout(), until disposed of. */
export class NotedTimers implements Disposable {
  /** In milliseconds, in the order in which they were asked for. */
  readonly delays: number[] = [];
  readonly #setTimeout = globalThis.setTimeout;

  /** @param onTimer What to do with what a timer would call; nothing unless given. */
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
