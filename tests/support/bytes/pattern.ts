/** Bytes that follow from a seed and an offset, so that a receiver can check them without a copy. */

import { Buffer } from "node:buffer";
import { Random } from "../random.ts";

/** A prime: no size of a buffer divides it, so that a buffer out of place is noticed. */
const PERIOD = 1_000_003;
/** The longest piece that is looked at in one go. */
const PIECE = 65_536;

const BYTES = makeBytes();

/** So many bytes of the stream of `seed`, from `offset` on, at most {@linkcode PIECE} of them; not to be written to. */
export function patternAt(seed: number, offset: number, length: number): Buffer {
  const start = (seed * 7919 + offset) % PERIOD;
  return BYTES.subarray(start, start + Math.min(length, PIECE));
}

/** Where `chunk` is not what the stream of `seed` has from `offset` on, counted in the stream; undefined when it is. */
export function firstDifference(chunk: Uint8Array, seed: number, offset: number): number | undefined {
  for (let at = 0; at < chunk.byteLength; at += PIECE) {
    const piece = chunk.subarray(at, at + PIECE);
    const wanted = patternAt(seed, offset + at, piece.byteLength);
    if (Buffer.compare(wanted, piece) === 0) continue;
    return offset + at + piece.findIndex((byte, index) => byte !== wanted[index]);
  }
  return undefined;
}

function makeBytes(): Buffer {
  const random = new Random(1);
  const bytes = Buffer.alloc(PERIOD + PIECE);
  for (let at = 0; at < PERIOD; at++) bytes[at] = random.integer(0, 255);
  bytes.copy(bytes, PERIOD, 0, PIECE);
  return bytes;
}
