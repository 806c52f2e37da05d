/**
 * Relay buffers: small while a connection is quiet, larger while it moves bulk, and reused.
 *
 * A buffer goes back to the pool once its bytes are written. That is only safe while nothing but counters stands
 * between the read and the write: a filter may keep, split or copy the bytes that it gets.
 */

/** Every connection waits for its first byte with one of these in each direction. */
const SMALLEST = 2 * 1024;
/** A full read multiplies the size by this: 2, 16, 128 KiB and so on. Smaller steps only left more buffers behind. */
const GROWTH = 8;
/** A read that fills this share of a buffer counts as full: reads of TLS records fall a few bytes short. */
const FULL = 15 / 16;
/** A buffer shrinks after this many reads in a row that leave most of it empty: bulk comes in uneven pieces. */
const READS_TO_SHRINK = 4;
/**
 * The one buffer of one direction of one connection: read into, then written from, then read into again. So a slow
 * reader holds one buffer and stops its own sender. (Reading ahead into a second buffer during the write was no faster
 * in measurements, and took twice the memory.)
 */
export class RelayBuffer {
  /** `buffer_size`, in bytes. */
  readonly largest: number;
  #size: number;
  #buffer: Uint8Array | undefined;
  /** The view of the last read. The next message often has the same length, and then needs no new view. */
  #view: Uint8Array | undefined;
  #smallReads = 0;
  #isBusy = false;
  #whenWritten: (() => void) | undefined;

  constructor(largest: number) {
    this.largest = largest;
    this.#size = Math.min(SMALLEST, largest);
  }

  /** Bytes were read, but are not written yet. */
  get isBusy(): boolean {
    return this.#isBusy;
  }

  /** Calls `read` once nothing waits to be written: now, or after the write under way. */
  whenWritten(read: () => void): void {
    if (this.#isBusy) this.#whenWritten = read;
    else read();
  }

  /** The buffer for the next read, of at most `most` bytes. */
  take(most = Infinity): Uint8Array {
    const size = Math.min(this.#size, most);
    if (this.#buffer?.byteLength === size) return this.#buffer;
    this.#detachBuffer();
    this.#buffer = takeFromPool(size);
    this.#size = this.#buffer.byteLength;
    return this.#buffer;
  }

  /** A view of the `count` bytes that the read brought. */
  filled(count: number): Uint8Array {
    const buffer = this.#buffer!;
    const size = buffer.byteLength;
    this.#isBusy = true;
    if (count >= size * FULL) {
      this.#size = Math.min(size * GROWTH, this.largest);
      this.#smallReads = 0;
    } else if (count >= size * FULL / GROWTH) {
      this.#smallReads = 0;
    } else if (++this.#smallReads === READS_TO_SHRINK) {
      this.#size = Math.max(Math.min(SMALLEST, this.largest), Math.ceil(size / GROWTH));
      this.#smallReads = 0;
    }
    if (count === size) return buffer;
    if (this.#view?.byteLength !== count) this.#view = buffer.subarray(0, count);
    return this.#view;
  }

  /** No read needs the buffer any more. */
  unused(): void {
    this.#detachBuffer();
  }

  /** All bytes were written. */
  written(): void {
    this.#isBusy = false;
    const read = this.#whenWritten;
    this.#whenWritten = undefined;
    read?.();
  }

  /** The bytes will not be written any more. A failed write may still use the buffer, so it is not reused. */
  abandoned(): void {
    this.#isBusy = false;
    if (this.#buffer !== undefined) forget(this.#buffer);
    this.#buffer = this.#view = undefined;
  }

  #detachBuffer(): void {
    if (this.#buffer !== undefined) giveToPool(this.#buffer);
    this.#buffer = this.#view = undefined;
  }
}

/**
 * The most that the pool keeps per buffer size, in bytes. With less, bursts of connections that grow and
 * shrink leave buffers to the garbage collector, which lets tens of megabytes pile up before it runs.
 */
const KEPT_BYTES = 16 * 1024 * 1024;
/**
 * The number of sizes that the pool keeps. A `buffer_size` needs three or four; the room in TLS and a
 * `bandwidth` can ask for a buffer of any size, which may never be needed again.
 */
const KEPT_SIZES = 16;
/** Every direction may have a buffer of this size, whatever `buffer_size` is. */
const ALWAYS_AVAILABLE = 256 * 1024;
/**
 * The most that a thread uses for larger buffers, in bytes. A buffer stays in use while a slow reader has not
 * taken its content. When all larger ones are in use, a direction gets one of the size that is always
 * available.
 */
const LARGE_BYTES = 64 * 1024 * 1024;

/** Free buffers of one size. */
class Shelf {
  readonly buffers: Uint8Array[] = [];
  /** Whether a buffer was taken since the last sweep. */
  isUsed = true;
}

/** In the order of the last sweep, the oldest first. */
const shelves = new Map<number, Shelf>();
/** Bytes of the buffers in use that are larger than the size that is always available. */
let largeBytes = 0;

/** A buffer of at most `size` bytes: smaller only when all large ones are in use. */
function takeFromPool(size: number): Uint8Array {
  if (size > ALWAYS_AVAILABLE) {
    if (largeBytes + size > LARGE_BYTES) return takeFromPool(ALWAYS_AVAILABLE);
    largeBytes += size;
  }
  const shelf = shelves.get(size);
  if (shelf === undefined) return new Uint8Array(size);
  shelf.isUsed = true;
  return shelf.buffers.pop() ?? new Uint8Array(size);
}

/** The buffer is no longer in use, but must not be reused. */
function forget(buffer: Uint8Array): void {
  if (buffer.byteLength > ALWAYS_AVAILABLE) largeBytes -= buffer.byteLength;
}

function giveToPool(buffer: Uint8Array): void {
  forget(buffer);
  const size = buffer.byteLength;
  const { buffers } = shelves.get(size) ?? newShelf(size);
  if ((buffers.length + 1) * size <= KEPT_BYTES) buffers.push(buffer);
}

/** Leaves all free buffers to the garbage collector, because other sizes are used from now on. */
export function emptyPool(): void {
  shelves.clear();
}

/** Bytes of free buffers. */
export function pooledBytes(): number {
  return shelves.entries().reduce((sum, [size, { buffers }]) => sum + size * buffers.length, 0);
}

function newShelf(size: number): Shelf {
  if (shelves.size >= KEPT_SIZES) dropUnusedShelf();
  const shelf = new Shelf();
  shelves.set(size, shelf);
  return shelf;
}

/** Drops the first shelf that was not used since the last sweep. */
function dropUnusedShelf(): void {
  for (const [size, shelf] of shelves) {
    shelves.delete(size);
    if (!shelf.isUsed) return;
    // It moves to the end, and the next sweep drops it unless it is used meanwhile.
    shelf.isUsed = false;
    shelves.set(size, shelf);
  }
}
