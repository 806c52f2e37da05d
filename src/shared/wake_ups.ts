/** Word among threads that a place in a gauge may be free, for those who wait for one. */

export class WakeUps {
  readonly #waiting = new Map<number, Set<() => void>>();
  /** Has {@linkcode wake} called in all other threads. */
  readonly tellOthers: (slot: number) => void;

  constructor(tellOthers: (slot: number) => void) {
    this.tellOthers = tellOthers;
  }

  /** Calls `onFree` whenever a place of the gauge may be free, until the result is disposed of. */
  watch(slot: number, onFree: () => void): Disposable {
    const waiting = this.#waiting.getOrInsertComputed(slot, () => new Set());
    waiting.add(onFree);
    return {
      [Symbol.dispose]: () => {
        waiting.delete(onFree);
        if (waiting.size === 0) this.#waiting.delete(slot);
      },
    };
  }

  /** A place was left for which somebody waits, in this thread or another. */
  freed(slot: number): void {
    this.wake(slot);
    this.tellOthers(slot);
  }

  /** A place was left in another thread. */
  wake(slot: number): void {
    for (const onFree of [...this.#waiting.get(slot) ?? []]) onFree();
  }
}
