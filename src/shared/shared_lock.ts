/**
 * A lock over a few memory accesses, for threads that share the memory.
 *
 * Its word goes up by one when it is acquired and again when it is released: it is odd while it is held, and each
 * holding has its own number. Deno terminates a thread between turns of its event loop, when it holds no lock: 2.9.6
 * lets a turn finish however long it takes. Should a thread die with the lock all the same, a thread that has waited
 * for {@linkcode MAX_WAITS} waits of a millisecond for the same holding takes the lock over. Waits count and not time,
 * because after a process was suspended hours may have passed in which no thread ran. A holder must not wait or do
 * anything slow: then a live holder is taken for dead only if the system lets the waiting thread run a thousand times
 * and the holder not once.
 */

/** Waits for one holding before it is taken over. */
const MAX_WAITS = 1000;
/** Milliseconds. */
const WAIT = 1;
/** Reads of the word, about a microsecond in all, before each wait. */
const SPINS = 100;

export class SharedLock {
  readonly #words: Int32Array;
  readonly #index: number;
  readonly #maxWaits: number;

  /**
   * @param words Shared memory; 0 is a lock that was never held.
   * @param index Which of the words is the lock.
   * @param maxWaits After how many waits of a millisecond the holder counts as dead.
   */
  constructor(words: Int32Array<SharedArrayBuffer>, index: number, maxWaits = MAX_WAITS) {
    this.#words = words;
    this.#index = index;
    this.#maxWaits = maxWaits;
  }

  /** Returns the number of the holding, for {@linkcode release}. */
  acquire(): number {
    let holding = 0;
    let waits = 0;
    for (let spins = 1;; spins++) {
      const word = Atomics.load(this.#words, this.#index);
      if ((word & 1) === 0) {
        if (this.#replace(word, word + 1)) return word + 1;
        continue;
      }
      if (word !== holding) waits = 0;
      holding = word;
      if (spins % SPINS !== 0) continue;
      Atomics.wait(this.#words, this.#index, word, WAIT);
      waits += 1;
      if (waits > this.#maxWaits && this.#replace(word, word + 2)) return word + 2;
    }
  }

  /** Releases the lock, unless another thread has taken it over. */
  release(holding: number): void {
    this.#replace(holding, holding + 1);
  }

  /** Words wrap around at 2^32. */
  #replace(before: number, after: number): boolean {
    return Atomics.compareExchange(this.#words, this.#index, before, after) === before;
  }
}
