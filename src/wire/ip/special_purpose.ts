/**
 * What IP addresses are for: those of hosts on the Internet, and those of IANA's special-purpose registries (RFC 6890,
 * https://www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry, as of 2025).
 */

import { parseCidr } from "./cidr.ts";
import { formatIp, IP_WORDS, parseIp } from "./ip_address.ts";

export interface Purpose {
  /** What such an address is, after "is". */
  readonly name: string;
  /** Whether it is that of one host, or may be: others are never connected to. */
  readonly isUnicast: boolean;
}

interface Entry {
  readonly first: Uint32Array;
  readonly last: Uint32Array;
  /** Undefined for a host on the Internet. */
  readonly purpose: Purpose | undefined;
}

type Row = readonly [name: string, blocks: string, kind?: "not unicast"];

/** Addresses of hosts on the Internet inside larger blocks of others, separated by spaces. */
const PUBLIC_INSIDE = "192.0.0.9 192.0.0.10 2001:1::1 2001:1::2 2001:1::3 2001:3::/32 2001:4:112::/48 " +
  "2001:20::/28 2001:30::/28";

/** The first that has an address decides. */
const ROWS: readonly Row[] = [
  ["unspecified", "0.0.0.0/8 ::", "not unicast"],
  ["a broadcast address", "255.255.255.255", "not unicast"],
  ["a multicast address", "224.0.0.0/4 ff00::/8", "not unicast"],
  ["a loopback address", "127.0.0.0/8 ::1"],
  ["a private address", "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 fc00::/7"],
  ["a link-local address", "169.254.0.0/16 fe80::/10"],
  ["a shared address of a carrier", "100.64.0.0/10"],
  ["a site-local address", "fec0::/10"],
  ["an address for documentation", "192.0.2.0/24 198.51.100.0/24 203.0.113.0/24 2001:db8::/32 3fff::/20"],
  ["an address for benchmarks", "198.18.0.0/15 2001:2::/48"],
  ["an address for discarding", "100::/64 100:0:0:1::/64"],
  ["an address of local translation", "64:ff9b:1::/48"],
  ["an address of an old relay", "192.88.99.0/24"],
  ["an address of IETF protocols", "192.0.0.0/24 2001::/23"],
];

const RESERVED: Purpose = { name: "a reserved address", isUnicast: true };

/** All others are reserved (RFC 4291 section 2.4 for IPv6, RFC 1112 section 4 for 240.0.0.0/4). */
const GLOBAL = "0.0.0.0/1 128.0.0.0/2 192.0.0.0/3 2000::/3";

let entries: readonly Entry[] | undefined;

/**
 * The address that packets to an address go to in the end: that inside 6to4 (RFC 3056) and NAT64 (RFC 6052), or the
 * same.
 *
 * @returns its canonical text; undefined if the text is no address.
 * @example Unwrap an address
 * ```ts
 * import assert from "node:assert/strict";
 * import { innerAddress } from "./special_purpose.ts";
 *
 * assert.equal(innerAddress("64:ff9b::7f00:1"), "127.0.0.1");
 * ```
 */
export function innerAddress(text: string): string | undefined {
  const words = parseIp(text);
  if (words === undefined) return undefined;
  if (words[0] === 0x64_ff9b && words[1] === 0 && words[2] === 0) return formatIpv4(words[3]!);
  if (words[0]! >>> 16 === 0x2002) return formatIpv4((words[0]! << 16 | words[1]! >>> 16) >>> 0);
  return formatIp(words);
}

/**
 * What an address is for, that inside it in the first place. Undefined for hosts on the Internet.
 *
 * @throws {SyntaxError} when the text is no address.
 * @example Distinguish public addresses from others
 * ```ts
 * import { purposeOf } from "./special_purpose.ts";
 *
 * console.log(purposeOf("169.254.169.254")?.name); // a link-local address
 * console.log(purposeOf("1.1.1.1")); // undefined
 * ```
 */
export function purposeOf(text: string): Purpose | undefined {
  const inner = innerAddress(text);
  if (inner === undefined) throw new SyntaxError(`Cannot parse "${text}": expected an IP address`);
  const words = parseIp(inner)!;
  entries ??= readEntries();
  const entry = entries.find(({ first, last }) => isWithin(words, first, last));
  return entry === undefined ? RESERVED : entry.purpose;
}

function readEntries(): Entry[] {
  return [
    ...entriesOf(PUBLIC_INSIDE, undefined),
    ...ROWS.flatMap(([name, blocks, kind]) => entriesOf(blocks, { name, isUnicast: kind === undefined })),
    ...entriesOf(GLOBAL, undefined),
  ];
}

function entriesOf(blocks: string, purpose: Purpose | undefined): Entry[] {
  return blocks.split(" ").map((block) => {
    const { first, last } = parseCidr(block);
    return { first, last, purpose };
  });
}

/** Blocks are aligned: each word of an address between the ends is between theirs. */
function isWithin(words: Uint32Array, first: Uint32Array, last: Uint32Array): boolean {
  for (let word = 0; word < IP_WORDS; word++) {
    if (words[word]! < first[word]! || words[word]! > last[word]!) return false;
  }
  return true;
}

function formatIpv4(value: number): string {
  return formatIp(new Uint32Array([0, 0, 0xffff, value]));
}
