/** Ranges of IP addresses, in tables that threads can share. */

import { IP_WORDS } from "./ip_address.ts";

/** Sorted ranges without overlap. */
export interface Ranges {
  /** How many of the last words of an address the table has: 1 for IPv4. */
  readonly width: number;
  /** For each range the words of its first address, then those of its last. */
  readonly table: Uint32Array<SharedArrayBuffer>;
}

/** Ranges as they come, in any order. */
export class RangeList {
  readonly #width: number;
  /** As in {@linkcode Ranges}, and the room for more. */
  #table = new Uint32Array(2 * IP_WORDS);
  #count = 0;

  /** @param width Of {@linkcode Ranges}. */
  constructor(width: number) {
    this.#width = width;
  }

  /** Adds a range, given by addresses of {@linkcode IP_WORDS}. */
  add(first: Uint32Array, last: Uint32Array): void {
    const width = this.#width;
    const at = 2 * width * this.#count++;
    if (at === this.#table.length) {
      const larger = new Uint32Array(2 * at);
      larger.set(this.#table);
      this.#table = larger;
    }
    for (let word = 0; word < width; word++) {
      this.#table[at + word] = first[IP_WORDS - width + word]!;
      this.#table[at + width + word] = last[IP_WORDS - width + word]!;
    }
  }

  /** All of them, with those in one that touch or overlap. */
  merged(): Ranges {
    const [table, width, size] = [this.#table, this.#width, 2 * this.#width];
    const order = orderOf(table, width, this.#count);
    const merged = new Uint32Array(order.length * size);
    let end = 0;
    for (let place = 0; place < order.length; place++) {
      const at = order[place]! * size;
      const before = end - width; // the last address of the range before
      const isApart = end === 0 || compare(table, at, merged, before, width) > 0 &&
          !follows(table, at, merged, before, width);
      if (isApart) {
        for (let word = 0; word < size; word++) merged[end + word] = table[at + word]!;
        end += size;
      } else if (compare(table, at + width, merged, before, width) > 0) {
        for (let word = 0; word < width; word++) merged[before + word] = table[at + width + word]!;
      }
    }
    const shared = new Uint32Array(new SharedArrayBuffer(end * Uint32Array.BYTES_PER_ELEMENT));
    shared.set(merged.subarray(0, end));
    return { width, table: shared };
  }
}

/** The values of a digit of the sort, and the digits of a word. */
const VALUES = 256;
const DIGITS = 4;

/** The indices of ranges, by their first addresses: a radix sort, which takes a tenth of the time of `sort`. */
function orderOf(table: Uint32Array, width: number, count: number): Uint32Array {
  const size = 2 * width;
  const counts = countDigits(table, width, count);
  let order = new Uint32Array(count);
  for (let index = 0; index < count; index++) order[index] = index;
  let sorted = new Uint32Array(count);
  for (let word = width - 1; word >= 0; word--) {
    for (let digit = 0; digit < DIGITS; digit++) {
      const shift = 8 * digit;
      const ends = counts.subarray((word * DIGITS + digit) * VALUES).subarray(0, VALUES);
      // All have the same one, as IPv6 blocks at their end.
      if (count === 0 || ends[table[word]! >>> shift & 255] === count) continue;
      for (let value = 1; value < VALUES; value++) ends[value]! += ends[value - 1]!;
      for (let place = count - 1; place >= 0; place--) {
        const index = order[place]!;
        sorted[--ends[table[index * size + word]! >>> shift & 255]!] = index;
      }
      [order, sorted] = [sorted, order];
    }
  }
  return order;
}

/**
 * How often each value of each digit occurs in the first addresses: in one pass, as reading the table takes longest.
 */
function countDigits(table: Uint32Array, width: number, count: number): Uint32Array {
  const counts = new Uint32Array(width * DIGITS * VALUES);
  for (let index = 0; index < count; index++) {
    for (let word = 0; word < width; word++) {
      const value = table[index * 2 * width + word]!;
      const base = word * DIGITS * VALUES;
      counts[base + (value & 255)]! += 1;
      counts[base + VALUES + (value >>> 8 & 255)]! += 1;
      counts[base + 2 * VALUES + (value >>> 16 & 255)]! += 1;
      counts[base + 3 * VALUES + (value >>> 24)]! += 1;
    }
  }
  return counts;
}

/** Whether an address of {@linkcode IP_WORDS} is in one of the ranges. */
export function includes({ width, table }: Ranges, address: Uint32Array): boolean {
  const size = 2 * width;
  const start = IP_WORDS - width;
  let low = 0;
  let high = table.length / size;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare(table, middle * size, address, start, width) <= 0) low = middle + 1;
    else high = middle;
  }
  return low > 0 && compare(table, low * size - width, address, start, width) >= 0;
}

/** Whether one range has every address. */
export function isWhole({ width, table }: Ranges): boolean {
  return table.length === 2 * width &&
    table.every((word, index) => word === (index < width ? 0 : 0xffff_ffff));
}

/** Whether the words at `at` are below (negative), equal to (0) or above (positive) those of another table. */
function compare(table: Uint32Array, at: number, other: Uint32Array, start: number, width: number): number {
  for (let word = 0; word < width; word++) {
    const difference = table[at + word]! - other[start + word]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Whether the address at `at` is the next one after that of another table. */
function follows(table: Uint32Array, at: number, other: Uint32Array, start: number, width: number): boolean {
  let carry = 1;
  for (let word = width - 1; word >= 0; word--) {
    const next = other[start + word]! + carry;
    if (table[at + word] !== next >>> 0) return false;
    carry = next > 0xffff_ffff ? 1 : 0;
  }
  return carry === 0;
}
