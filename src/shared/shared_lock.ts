/**
 * A lock over a few memory accesses, for threads that share the memory.
 *
 * Its word goes up by one when it is taken and again when it is given back: it is odd while somebody holds it, and no
 * two holdings look the same. Deno ends a thread between turns of its event loop, when it holds no lock: 2.9.6 lets a
 * turn go on however long it takes. Should one die with the lock all the same, it never gives it back, so a thread that
 * has waited for {@linkcode PATIENCE} turns of a millisecond and seen the same holding all the time takes it over. What
 * counts is turns and not the time, as a process that was suspended may find hours gone by in which no thread ran.
 * Nobody may wait, or do anything slow, while holding the lock: then a holder that lives is taken for dead only if the
 * system lets the waiting thread run a thousand times and the holder not once.
 */

/** Rounds without a sign of life from the holder. */
const PATIENCE = 1000;
/** Milliseconds. */
const TURN = 1;
/** Looks at the word, about a microsecond in all, before a turn is waited out. */
const LOOKS = 100;

export class SharedLock {
  readonly #words: Int32Array;
  readonly #index: number;
  readonly #patience: number;

  /**
   * @param words Shared memory; 0 is a lock that nobody has held yet.
   * @param index Which of the words is the lock.
   * @param patience After how many turns of a millisecond the holder counts as dead.
   */
  constructor(words: Int32Array<SharedArrayBuffer>, index: number, patience = PATIENCE) {
    this.#words = words;
    this.#index = index;
    this.#patience = patience;
  }

  /** Takes the lock, and tells which holding this is, for {@linkcode release}. */
  acquire(): number {
    let holding = 0;
    let turns = 0;
    for (let looks = 1;; looks++) {
      const word = Atomics.load(this.#words, this.#index);
      if ((word & 1) === 0) {
        if (this.#replace(word, word + 1)) return word + 1;
        continue;
      }
      if (word !== holding) turns = 0;
      holding = word;
      if (looks % LOOKS !== 0) continue;
      Atomics.wait(this.#words, this.#index, word, TURN);
      turns += 1;
      if (turns > this.#patience && this.#replace(word, word + 2)) return word + 2;
    }
  }

  /** Gives the lock back, unless another thread has taken it over from this holding. */
  release(holding: number): void {
    this.#replace(holding, holding + 1);
  }

  /** Words are stored modulo 2^32, so that the count may pass the end. */
  #replace(before: number, after: number): boolean {
    return Atomics.compareExchange(this.#words, this.#index, before, after) === before;
  }
}
