/** Free relay buffers of this thread, by size. */

/**
 * What the pool keeps per buffer size, in bytes. With less, a burst of connections that grow and shrink leaves
 * buffers to the garbage collector, which lets tens of megabytes of them lie before it acts.
 */
const KEPT_BYTES = 16 * 1024 * 1024;
/**
 * Of how many sizes. A `buffer_size` has three or four; what TLS has room for, and a `bandwidth`, can make a buffer of any
 * size, which may never be asked for again.
 */
const KEPT_SIZES = 16;
/** Whatever `buffer_size` is, every direction may have a buffer of this size. */
const FOR_EVERYBODY = 256 * 1024;
/**
 * What a thread has in larger buffers, in bytes. A buffer is not given up while a slow reader has yet to take what is in
 * it, so who comes once these are all in use gets one that is not larger than what everybody may have.
 */
const LARGE_BYTES = 64 * 1024 * 1024;

/** Free buffers of one size. */
class Shelf {
  readonly buffers: Uint8Array[] = [];
  /** One was asked for since the shelves were last gone through. */
  isUsed = true;
}

/** Those that were longest gone through come first. */
const shelves = new Map<number, Shelf>();
/** Bytes of the buffers in use that are larger than what everybody may have. */
let largeBytes = 0;

/** A buffer of at most `size` bytes: smaller only where so large ones are all in use. */
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

/** The buffer is not in use any more, though nobody else may have it. */
export function forget(buffer: Uint8Array): void {
  if (buffer.byteLength > FOR_EVERYBODY) largeBytes -= buffer.byteLength;
}

export function giveToPool(buffer: Uint8Array): void {
  forget(buffer);
  const size = buffer.byteLength;
  const { buffers } = shelves.get(size) ?? newShelf(size);
  if ((buffers.length + 1) * size <= KEPT_BYTES) buffers.push(buffer);
}

/** Leaves all free buffers to the garbage collector: other sizes are in use from now on. */
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

/** Drops the first shelf from which nothing was taken since it was last gone through. */
function dropUnusedShelf(): void {
  for (const [size, shelf] of shelves) {
    shelves.delete(size);
    if (!shelf.isUsed) return;
    // It comes again at the end, and goes then unless it is used meanwhile.
    shelf.isUsed = false;
    shelves.set(size, shelf);
  }
}
