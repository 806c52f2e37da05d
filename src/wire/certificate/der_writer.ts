/** Writes DER (X.690), as far as certificate requests and certificates of our own need it. */

import { concatenate } from "../concatenate.ts";
import { DER } from "./der.ts";

/** The largest value, in bytes: lengths take two bytes at most. */
const LARGEST = 0xffff;

/**
 * A value with its tag; its content is the parts, one after the other.
 *
 * @throws {RangeError} when it would be larger than 64 KiB.
 *
 * @example A sequence of the number 5
 * ```ts
 * import assert from "node:assert/strict";
 * import { derInteger, derValue } from "./der_writer.ts";
 *
 * assert.equal(derValue(0x30, derInteger(Uint8Array.of(5))).toHex(), "3003020105");
 * ```
 */
export function derValue(tag: number, ...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  if (length > LARGEST) throw new RangeError(`A DER value of ${length} bytes is too large`);
  const head = length < 0x80
    ? [tag, length]
    : length < 0x100
    ? [tag, 0x81, length]
    : [tag, 0x82, length >> 8, length & 0xff];
  return concatenate(Uint8Array.from(head), ...parts);
}

/** A sequence of values. */
export function derSequence(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return derValue(DER.sequence, ...parts);
}

/** An object ID, given with dots: `2.5.4.3`. */
export function derObjectId(id: string): Uint8Array<ArrayBuffer> {
  const [first, second, ...rest] = id.split(".").map(Number) as [number, number, ...number[]];
  return derValue(DER.objectId, Uint8Array.from([first * 40 + second, ...rest].flatMap(base128)));
}

/** A number that is not negative, given as big-endian bytes. */
export function derInteger(magnitude: Uint8Array): Uint8Array<ArrayBuffer> {
  const start = magnitude.findIndex((byte) => byte !== 0);
  const digits = start === -1 ? Uint8Array.of(0) : magnitude.subarray(start);
  // The highest bit is the sign.
  return digits[0]! < 0x80 ? derValue(DER.integer, digits) : derValue(DER.integer, Uint8Array.of(0), digits);
}

/** A bit string without unused bits. */
export function derBitString(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return derValue(DER.bitString, Uint8Array.of(0), bytes);
}

/** A text of ASCII characters, with the tag of its type. */
export function derText(tag: number, text: string): Uint8Array<ArrayBuffer> {
  return derValue(tag, new TextEncoder().encode(text));
}

/** A time of a certificate, to the second, in milliseconds since 1970 (RFC 5280 section 4.1.2.5.2). */
export function derTime(time: number): Uint8Array<ArrayBuffer> {
  const text = new Date(time).toISOString().slice(0, "2026-01-01T00:00:00".length).replace(/[-:T]/g, "");
  return derText(DER.generalizedTime, `${text}Z`);
}

function base128(number: number): number[] {
  const digits = [number & 0x7f];
  for (let rest = number >>> 7; rest > 0; rest >>>= 7) digits.unshift(rest & 0x7f | 0x80);
  return digits;
}
