/** Wakes waiters for a place in a gauge, in all threads. */

export class WakeUps {
  readonly #waiting = new Map<number, Set<() => void>>();
  /** Calls {@linkcode wake} in all other threads. */
  readonly wakeOthers: (slot: number) => void;

  constructor(wakeOthers: (slot: number) => void) {
    this.wakeOthers = wakeOthers;
  }

  /** Calls `onFree` whenever a place in the gauge may be free, until the result is disposed of. */
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

  /** A place is free that this thread or another may wait for. */
  freed(slot: number): void {
    this.wake(slot);
    this.wakeOthers(slot);
  }

  /** Another thread has freed a place. */
  wake(slot: number): void {
    for (const onFree of [...this.#waiting.get(slot) ?? []]) onFree();
  }
}
