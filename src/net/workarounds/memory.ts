/**
 * Frees memory early, relying on undocumented behaviour of Deno: it detaches buffers of Node.js once they were read or
 * sent, and node:tls gets bytes in a buffer that is overwritten right after (`../tls/duplex.ts`). Where Deno behaves
 * differently, this would corrupt data in transit.
 */
import type { TLSSocket } from "node:tls";

/** `memory_check.ts` turns them off when this version of Deno is not known to treat memory as expected. */
export const memoryTricks = { areOn: true };

/** Below this size, garbage collection costs less than detaching, which takes 1.6 us. */
const WORTHWHILE = 4096;

/**
 * Frees the memory of bytes at once; call it only when no code will read them again. Small arrays, and those that share
 * their buffer, are left alone.
 *
 * Node.js allocates an ArrayBuffer for every read. Left to the garbage collector, these made it mark the whole heap for
 * every 60 MB relayed. Memory that is freed at once is reused next, while it is still in the CPU cache.
 */
export function detachBuffer(bytes: Uint8Array): void {
  const { buffer, byteLength } = bytes;
  if (byteLength < WORTHWHILE || byteLength < buffer.byteLength || !memoryTricks.areOn) return;
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}

/** Internals of Node.js, which have no types. If they differ, the garbage collector frees the memory. */
interface Handle {
  /** Takes encrypted bytes that are not sent yet. The caller copies them at once. */
  drainEncOut?(): Uint8Array;
}

/**
 * Frees each encrypted buffer once the socket continues with the next one. Over a JavaScript stream, the
 * socket allocates two ArrayBuffers of 48 KiB, of which the stream only sees the second. Leaving both to the
 * garbage collector took a third of the CPU time of TLS bulk transfers.
 */
export function detachEncrypted(socket: TLSSocket): void {
  const { _handle: handle } = socket as { _handle?: Handle | null };
  const drain = handle?.drainEncOut;
  if (typeof drain !== "function" || !memoryTricks.areOn) return;
  let last: Uint8Array | undefined;
  handle!.drainEncOut = () => {
    if (last !== undefined) detachBuffer(last);
    return last = drain.call(handle);
  };
}
