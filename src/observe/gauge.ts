/**
 * Counts of what is open now, shared by all threads that have the table's memory.
 *
 * Each slot of the table is one word that says everything about it, and changes in one compare-exchange. So a count
 * never passes its limit, not even for a moment, and a slot is never freed with something left in it.
 */

/** The word of a free slot is 0. Of a claimed one it is this plus the count, … */
const CLAIMED = 1 << 30;
/** … until it is given up: then it is this plus the count, nothing enters any more, and the slot is free at 0. */
const RELEASED = 1 << 29;
const COUNT = RELEASED - 1;

export class GaugeTable {
  readonly #words: Int32Array<SharedArrayBuffer>;
  /** Where the search for a free slot begins. */
  #next = 0;

  /**
   * @param memory How many slots to make, or the {@linkcode buffer} of a table made elsewhere, to share it.
   * @throws {RangeError} when it is not a positive whole number of slots.
   */
  constructor(memory: number | SharedArrayBuffer) {
    const bytes = typeof memory === "number" ? memory * Int32Array.BYTES_PER_ELEMENT : memory.byteLength;
    const capacity = bytes / Int32Array.BYTES_PER_ELEMENT;
    if (!Number.isInteger(capacity) || capacity < 1) {
      throw new RangeError(`Cannot make a table of ${capacity} gauges: expected a whole number above 0`);
    }
    this.#words = new Int32Array(typeof memory === "number" ? new SharedArrayBuffer(bytes) : memory);
  }

  /** The memory, for other threads to make tables of. */
  get buffer(): SharedArrayBuffer {
    return this.#words.buffer;
  }

  get capacity(): number {
    return this.#words.length;
  }

  /** Takes a free slot, until {@linkcode Gauge.release}; undefined when there is none. */
  claim(): Gauge | undefined {
    for (let tries = 0; tries < this.capacity; tries++) {
      const slot = this.#next;
      this.#next = (slot + 1) % this.capacity;
      if (Atomics.compareExchange(this.#words, slot, 0, CLAIMED) === 0) return new Gauge(this.#words, slot);
    }
    return undefined;
  }

  /**
   * The gauge in a slot that another thread has claimed and not released. Releasing it is left to that thread.
   *
   * @throws {RangeError} when the table has no such slot.
   */
  at(slot: number): Gauge {
    if (!Number.isInteger(slot) || slot < 0 || slot >= this.capacity) {
      throw new RangeError(`Cannot use gauge ${slot}: the table has ${this.capacity}`);
    }
    return new Gauge(this.#words, slot);
  }
}

export class Gauge {
  readonly slot: number;
  readonly #words: Int32Array;
  #isReleased = false;

  /** Made by {@linkcode GaugeTable}. */
  constructor(words: Int32Array, slot: number) {
    this.#words = words;
    this.slot = slot;
  }

  get value(): number {
    return Atomics.load(this.#words, this.slot) & COUNT;
  }

  /** Counts one more, unless there are `limit` already (0: no limit) or the gauge was released; tells whether it did. */
  enter(limit: number): boolean {
    for (;;) {
      const word = Atomics.load(this.#words, this.slot);
      const count = word & COUNT;
      if (this.#isReleased || (word & CLAIMED) === 0 || (limit > 0 && count >= limit)) return false;
      if (this.#replace(word, word + 1)) return true;
    }
  }

  /**
   * Counts one less.
   *
   * @throws {RangeError} when nothing is left that entered.
   */
  leave(): void {
    for (;;) {
      const word = Atomics.load(this.#words, this.slot);
      if ((word & COUNT) === 0) throw new RangeError(`Cannot leave gauge ${this.slot}: nothing is in it`);
      if (this.#replace(word, freeWhenEmpty(word - 1))) return;
    }
  }

  /** Gives the slot back, at once or when the last that entered has left. Doing so again changes nothing. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    for (;;) {
      const word = Atomics.load(this.#words, this.slot);
      if ((word & CLAIMED) === 0) return;
      if (this.#replace(word, freeWhenEmpty(word & COUNT | RELEASED))) return;
    }
  }

  #replace(before: number, after: number): boolean {
    return Atomics.compareExchange(this.#words, this.slot, before, after) === before;
  }
}

function freeWhenEmpty(word: number): number {
  return word === RELEASED ? 0 : word;
}
