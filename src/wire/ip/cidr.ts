/**
 * CIDR blocks as text (RFC 4632 section 3.1, RFC 4291 section 2.3), and sets of them.
 *
 * `BlockList` of node:net gives the same answers, but goes through its blocks one by one: 6 to 11 µs for 100 blocks,
 * when a set here takes 0.1 to 0.7 µs.
 */

import { formatIp, formatIpv4, IP_WORDS, isIpv4, readIpAddress, withoutZone } from "./ip_address.ts";

export type IpFamily = "ipv4" | "ipv6";

export interface Cidr {
  /** Without zone; dotted when IPv4. Bits beyond the prefix may be set. */
  readonly address: string;
  /** How many leading bits count: 0-32 for IPv4, 0-128 for IPv6. */
  readonly prefix: number;
  readonly family: IpFamily;
}

/** Leading bits that all IPv4-mapped addresses share. */
const MAPPED_PREFIX = 96;
const IPV4_FIRST = 0xffffn << 32n;
const IPV4_LAST = IPV4_FIRST | 0xffff_ffffn;
const IPV6_LAST = (1n << 128n) - 1n;

/**
 * Parses an address, or a block such as `10.0.0.0/8`. A block of IPv4-mapped addresses is the IPv4 block it stands
 * for.
 *
 * @throws {SyntaxError} when the text is neither.
 */
export function parseCidr(text: string): Cidr {
  const slash = text.indexOf("/");
  const literal = slash < 0 ? text : text.slice(0, slash);
  const words = new Uint32Array(IP_WORDS);
  if (!readIpAddress(literal, words)) {
    throw new SyntaxError(`Cannot parse "${text}": expected an address or block such as 10.0.0.0/8`);
  }
  const writtenAsIpv6 = literal.includes(":");
  const bits = writtenAsIpv6 ? 128 : 32;
  const digits = slash < 0 ? String(bits) : text.slice(slash + 1);
  const prefix = /^(0|[1-9]\d{0,2})$/.test(digits) ? Number(digits) : NaN;
  if (!(prefix <= bits)) {
    throw new SyntaxError(`Cannot parse "${text}": expected a prefix of 0-${bits} after the slash`);
  }
  if (!writtenAsIpv6) return { address: literal, prefix, family: "ipv4" };
  if (isIpv4(words) && prefix >= MAPPED_PREFIX) {
    return { address: formatIpv4(words), prefix: prefix - MAPPED_PREFIX, family: "ipv4" };
  }
  return { address: withoutZone(literal), prefix, family: "ipv6" };
}

/**
 * Returns the block if a text has bits set beyond its prefix: `10.0.0.0/8` for `10.0.0.5/8`. Undefined if it
 * has none.
 *
 * @throws {SyntaxError} as {@linkcode parseCidr}
 */
export function blockMeantBy(text: string): string | undefined {
  const { prefix, family, address } = parseCidr(text);
  const words = new Uint32Array(IP_WORDS);
  readIpAddress(address, words);
  const free = (family === "ipv4" ? 32 : 128) - prefix;
  const value = words.reduce((sum, word) => sum << 32n | BigInt(word), 0n);
  const first = value >> BigInt(free) << BigInt(free);
  if (first === value) return undefined;
  return `${formatIp(wordsOf([first]))}/${prefix}`;
}

/** Addresses and blocks, compiled so that a look-up takes a binary search however many there are. */
export class CidrSet {
  readonly #ipv4: Ranges;
  readonly #ipv6: Ranges;
  readonly #words = new Uint32Array(IP_WORDS);

  /**
   * @param texts Addresses and blocks as {@linkcode parseCidr} takes them.
   * @throws {SyntaxError} when one is neither.
   */
  constructor(texts: readonly string[]) {
    const cidrs = texts.map(parseCidr);
    this.#ipv4 = new Ranges(cidrs.filter(({ family }) => family === "ipv4").map(rangeOf));
    this.#ipv6 = new Ranges(cidrs.filter(({ family }) => family === "ipv6").map(rangeOf));
  }

  /** Whether the address is in the set. No set has the empty address of a unix client. */
  has(address: string): boolean {
    const words = this.#words;
    if (!readIpAddress(address, words)) return false;
    return (isIpv4(words) ? this.#ipv4 : this.#ipv6).includes(words);
  }

  /** Whether every IPv4 address is in the set. */
  get coversIpv4(): boolean {
    return this.#ipv4.covers(IPV4_FIRST, IPV4_LAST);
  }

  /** Whether every IPv6 address is in the set. */
  get coversIpv6(): boolean {
    return this.#ipv6.covers(0n, IPV6_LAST);
  }

  /** Whether every IP address is in the set: `0.0.0.0/0` and `::/0`, in one piece or several. */
  get coversEverything(): boolean {
    return this.coversIpv4 && this.coversIpv6;
  }
}

/** First and last address, both included. */
type Range = readonly [first: bigint, last: bigint];

/** Ranges of addresses, sorted and without overlap. */
class Ranges {
  readonly #firsts: Uint32Array;
  readonly #lasts: Uint32Array;
  readonly #count: number;
  /** The range that all are part of, when nothing is missing in between. */
  readonly #whole: Range | undefined;

  constructor(ranges: Range[]) {
    const merged: Range[] = [];
    for (const [first, last] of ranges.sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0)) {
      const before = merged.at(-1);
      if (before === undefined || first > before[1] + 1n) merged.push([first, last]);
      else if (last > before[1]) merged[merged.length - 1] = [before[0], last];
    }
    this.#firsts = wordsOf(merged.map(([first]) => first));
    this.#lasts = wordsOf(merged.map(([, last]) => last));
    this.#count = merged.length;
    this.#whole = merged.length === 1 ? merged[0] : undefined;
  }

  includes(words: Uint32Array): boolean {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compare(this.#firsts, middle, words) <= 0) low = middle + 1;
      else high = middle;
    }
    return low > 0 && compare(this.#lasts, low - 1, words) >= 0;
  }

  covers(first: bigint, last: bigint): boolean {
    return this.#whole !== undefined && this.#whole[0] <= first && this.#whole[1] >= last;
  }
}

function rangeOf({ address, prefix, family }: Cidr): Range {
  const words = new Uint32Array(IP_WORDS);
  readIpAddress(address, words);
  const value = words.reduce((sum, word) => sum << 32n | BigInt(word), 0n);
  const hostBits = BigInt((family === "ipv4" ? 32 : 128) - prefix);
  const first = value >> hostBits << hostBits;
  return [first, first | (1n << hostBits) - 1n];
}

function wordsOf(values: readonly bigint[]): Uint32Array {
  return Uint32Array.from(
    values.flatMap((value) => [96n, 64n, 32n, 0n].map((shift) => Number(value >> shift & 0xffff_ffffn))),
  );
}

/** Whether entry `index` of `table` is below (negative), equal to (0) or above (positive) an address. */
function compare(table: Uint32Array, index: number, words: Uint32Array): number {
  for (let word = 0; word < IP_WORDS; word++) {
    const difference = table[index * IP_WORDS + word]! - words[word]!;
    if (difference !== 0) return difference;
  }
  return 0;
}
