/**
 * Relay buffers: small while a connection is quiet, larger while it moves bulk, and used again.
 *
 * A buffer goes back to the pool once its bytes are written, which is right only while nothing but counters
 * stands between the read and the write: a filter may keep, split or copy what it is given.
 */

/** Every connection waits for its first byte with one of these in each direction. */
const SMALLEST = 4 * 1024;
/** A full read multiplies the size by this: 4, 16, 64, 256 KiB. */
const GROWTH = 4;
/** What the pool keeps per buffer size, in bytes: enough for a burst, little beside the process itself. */
const KEPT_BYTES = 4 * 1024 * 1024;

const pool = new Map<number, Uint8Array[]>();

function takeFromPool(size: number): Uint8Array {
  return pool.get(size)?.pop() ?? new Uint8Array(size);
}

function giveToPool(buffer: Uint8Array): void {
  const size = buffer.byteLength;
  const kept = pool.get(size);
  if (kept === undefined) pool.set(size, [buffer]);
  else if ((kept.length + 1) * size <= KEPT_BYTES) kept.push(buffer);
}

/** The buffers of one direction of one connection: at most two are out at a time (one read, one written). */
export class RelayBuffers {
  readonly #largest: number;
  #size: number;
  #reading: Uint8Array | undefined;
  /** Read and not yet written, oldest first. */
  readonly #inFlight: Uint8Array[] = [];

  /** @param largest `buffer_size`, in bytes. */
  constructor(largest: number) {
    this.#largest = largest;
    this.#size = Math.min(SMALLEST, largest);
  }

  /** Whether bytes were read that are not written yet. */
  get isBusy(): boolean {
    return this.#inFlight.length > 0;
  }

  /** The buffer for the next read. */
  take(): Uint8Array {
    return this.#reading = takeFromPool(this.#size);
  }

  /** The read brought `count` bytes: a view of them, to be handed back with {@linkcode written}. */
  filled(count: number): Uint8Array {
    const buffer = this.#reading!;
    this.#reading = undefined;
    this.#inFlight.push(buffer);
    const size = buffer.byteLength;
    if (count === size) {
      this.#size = Math.min(size * GROWTH, this.#largest);
      return buffer;
    }
    // One step down at a time, so that a short read within bulk does not start over from the smallest.
    if (count < size / GROWTH) this.#size = Math.max(SMALLEST, Math.ceil(size / GROWTH));
    return buffer.subarray(0, count);
  }

  /** The read brought none. */
  unused(): void {
    if (this.#reading !== undefined) giveToPool(this.#reading);
    this.#reading = undefined;
  }

  /** The oldest bytes in flight are written. */
  written(): void {
    const buffer = this.#inFlight.shift();
    if (buffer !== undefined) giveToPool(buffer);
  }

  /** What is in flight will not be written any more. A failed write may still hold its buffer: it is not reused. */
  abandoned(): void {
    this.#inFlight.length = 0;
  }
}
