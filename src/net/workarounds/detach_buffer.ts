/** Memory that was used once. */

import { memoryTricks } from "./memory_tricks.ts";

/** Of fewer bytes collecting the garbage costs less than detaching, which takes 1.6 us. */
const WORTHWHILE = 4096;

/**
 * Frees the memory of bytes at once, to be called when nobody looks at them any more. Few bytes stay, and those that
 * share their buffer with others.
 *
 * Node.js makes an ArrayBuffer for every read. Left to the garbage collector they had it mark the whole heap each
 * time that 60 MB have gone through, and memory that is free is taken next, while the processor's cache has it.
 */
export function detachBuffer(bytes: Uint8Array): void {
  const { buffer, byteLength } = bytes;
  if (byteLength < WORTHWHILE || byteLength < buffer.byteLength || !memoryTricks.areOn) return;
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}
