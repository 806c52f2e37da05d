/**
 * A lock over a few memory accesses, for threads that share the memory.
 *
 * Acquiring and releasing it increment its word: the word is odd while the lock is held, and each holding has a number
 * of its own. Deno terminates a thread between turns of its event loop, when it holds no lock: 2.9.6 lets a turn
 * finish, however long it takes. If a thread dies with the lock all the same, a thread that has waited {@linkcode
 * MAX_WAITS} times, a millisecond each, for the same holding takes the lock over. It counts waits, not time, because no
 * thread could run for hours while a process was suspended. A holder must not wait or do anything slow: then a live
 * holder is taken for dead only if the system lets the waiting thread run a thousand times and the holder not once.
 */

/** After this many waits for one holding, another thread takes the lock over. */
const MAX_WAITS = 1000;
/** Milliseconds. */
const WAIT = 1;
/** The number of reads of the word before each wait, which take about a microsecond. */
const SPINS = 100;

export class SharedLock {
  readonly #words: Int32Array;
  readonly #index: number;
  readonly #maxWaits: number;

  /**
   * @param words Shared memory. The word of a lock that was never held is 0.
   * @param index The index of the lock's word.
   * @param maxWaits After this many waits of a millisecond, the holder counts as dead.
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
