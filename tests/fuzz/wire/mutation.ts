/** Makes bytes slightly wrong: parsers refuse random bytes at the first one, which tests nothing. */

import type { Random } from "../../support/random.ts";

/** Bytes that programs often mishandle: ends of ranges, signs, separators. */
const EDGE_BYTES = [0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff, 0x0a, 0x0d, 0x20, 0x16, 0x2f, 0x3a];
/** The largest result, in bytes: limits repeated doubling. */
const LONGEST = 70_000;

type Mutation = (bytes: Uint8Array, random: Random, other: Uint8Array) => Uint8Array;

const MUTATIONS: readonly Mutation[] = [
  // Flips one bit.
  (bytes, random) => replaced(bytes, place(bytes, random), (byte) => byte ^ 1 << random.integer(0, 7)),
  // Replaces one byte.
  (bytes, random) => replaced(bytes, place(bytes, random), () => random.pick(EDGE_BYTES)),
  (bytes, random) => replaced(bytes, place(bytes, random), () => random.integer(0, 255)),
  (bytes, random) =>
    replaced(bytes, place(bytes, random), (byte) => byte + random.pick([-1, 1, -2, 2, 16]) & 0xff),
  // Replaces two adjacent bytes, such as a length.
  (bytes, random) => {
    const at = place(bytes, random);
    const value = random.pick([0, 1, 0xff, 0x100, 0x7fff, 0x8000, 0xffff]);
    return replaced(replaced(bytes, at, () => value >> 8), at + 1, () => value & 0xff);
  },
  // Truncates, removes, doubles or inserts bytes.
  (bytes, random) => bytes.slice(0, place(bytes, random)),
  (bytes, random) => {
    const [from, to] = range(bytes, random);
    return joined(bytes.subarray(0, from), bytes.subarray(to));
  },
  (bytes, random) => {
    const [from, to] = range(bytes, random);
    const times = random.pick([1, 1, 2, 50]);
    return joined(bytes.subarray(0, to), ...Array(times).fill(bytes.subarray(from, to)), bytes.subarray(to));
  },
  (bytes, random) => {
    const at = place(bytes, random);
    const inserted = Uint8Array.from({ length: random.size(1, 64) }, () => random.integer(0, 255));
    return joined(bytes.subarray(0, at), inserted, bytes.subarray(at));
  },
  // Joins the beginning of one input and the end of another.
  (bytes, random, other) =>
    joined(bytes.subarray(0, place(bytes, random)), other.subarray(place(other, random))),
];

/** Makes one to five changes to `bytes`. @param other Another valid input. */
export function mutate(bytes: Uint8Array, random: Random, other: Uint8Array): Uint8Array {
  let result = bytes;
  for (let left = random.size(1, 5); left >= 1; left--) {
    result = random.pick(MUTATIONS)(result, random, other).subarray(0, LONGEST);
  }
  return result;
}

/** Splits the bytes into pieces, as they may arrive. */
export function split(bytes: Uint8Array, random: Random): Uint8Array[] {
  const most = random.pick([1, 3, 100, LONGEST]);
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.byteLength && pieces.length < 200;) {
    const piece = bytes.subarray(at, at + random.integer(1, most));
    pieces.push(piece);
    at += piece.byteLength;
  }
  return pieces;
}

function place(bytes: Uint8Array, random: Random): number {
  return random.integer(0, Math.max(0, bytes.byteLength - 1));
}

function range(bytes: Uint8Array, random: Random): [number, number] {
  const from = place(bytes, random);
  return [from, Math.min(bytes.byteLength, from + random.size(1, 64))];
}

function replaced(bytes: Uint8Array, at: number, change: (byte: number) => number): Uint8Array {
  if (at >= bytes.byteLength) return bytes;
  const copy = bytes.slice();
  copy[at] = change(copy[at]!);
  return copy;
}

function joined(...pieces: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.byteLength;
  }
  return all;
}
