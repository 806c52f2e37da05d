/** A count that all threads add to. It survives the threads: a restarted one goes on with it. */
export class SharedCounter {
  /** For the counters of other threads. */
  readonly memory: SharedArrayBuffer;
  readonly #count: BigInt64Array<SharedArrayBuffer>;

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT)) {
    this.memory = memory;
    this.#count = new BigInt64Array(memory);
  }

  get value(): number {
    return Number(Atomics.load(this.#count, 0));
  }

  /** Adds one, and returns the count with it: no two calls return the same. */
  next(): number {
    return Number(Atomics.add(this.#count, 0, 1n)) + 1;
  }

  /** Adds one unless the count has reached `limit`; returns whether it did. */
  take(limit: number): boolean {
    for (let count = Atomics.load(this.#count, 0); count < limit;) {
      const found = Atomics.compareExchange(this.#count, 0, count, count + 1n);
      if (found === count) return true;
      count = found;
    }
    return false;
  }
}
