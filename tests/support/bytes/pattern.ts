/** Bytes that follow from a seed and an offset, so that a receiver can check them without a copy. */

import { Buffer } from "node:buffer";
import { Random } from "../random.ts";

/** A prime: it is no multiple of a buffer size, so that a buffer at a wrong position is detected. */
const PERIOD = 1_000_003;
/** The longest piece to compare at once. */
const PIECE = 65_536;

const BYTES = makeBytes();

/** This many bytes of the stream of `seed`, from `offset` on, at most {@linkcode PIECE} of them; not to be written to. */
export function patternAt(seed: number, offset: number, length: number): Buffer {
  const start = (seed * 7919 + offset) % PERIOD;
  return BYTES.subarray(start, start + Math.min(length, PIECE));
}

/** Where some bytes are in the period that all streams run through; undefined when they are not in it. */
export function positionIn(bytes: Uint8Array): number | undefined {
  const at = BYTES.indexOf(bytes);
  return at < 0 ? undefined : at % PERIOD;
}

/** Like {@linkcode firstDifference}, given a position in the period. */
export function firstDifferenceFrom(chunk: Uint8Array, position: number): number | undefined {
  return firstDifference(chunk, 0, position);
}

/** The position in the stream of `seed` at which `chunk`, from `offset` on, differs; undefined when it does not. */
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
