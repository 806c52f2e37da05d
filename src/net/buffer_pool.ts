/** Free relay buffers of this thread, by size. */

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
const FOR_EVERYBODY = 256 * 1024;
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
export function takeFromPool(size: number): Uint8Array {
  if (size > FOR_EVERYBODY) {
    if (largeBytes + size > LARGE_BYTES) return takeFromPool(FOR_EVERYBODY);
    largeBytes += size;
  }
  const shelf = shelves.get(size);
  if (shelf === undefined) return new Uint8Array(size);
  shelf.isUsed = true;
  return shelf.buffers.pop() ?? new Uint8Array(size);
}

/** The buffer is no longer in use, but must not be reused. */
export function forget(buffer: Uint8Array): void {
  if (buffer.byteLength > FOR_EVERYBODY) largeBytes -= buffer.byteLength;
}

export function giveToPool(buffer: Uint8Array): void {
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
