/**
 * Reads IP addresses (RFC 4291 section 2.2) into numbers, fast enough to be done for every connection.
 *
 * An IPv4 address is held as the IPv6 address it is mapped to (`::ffff:10.0.0.1`, RFC 4291 section 2.5.5.2), so that
 * both ways to write it are the same. Zone identifiers (`fe80::1%eth0`, RFC 4007 section 11) are ignored.
 */

/** An address has 128 bits in words of 32, the most significant first. */
export const IP_WORDS = 4;

/** The third word of an IPv4-mapped address; the first two are 0. */
const MAPPED = 0xffff;
const GROUPS = 8;
const DOT = 46;
const COLON = 58;

/** Reads an address into `words`, which has {@linkcode IP_WORDS}; false when the text is none. */
export function readIpAddress(text: string, words: Uint32Array): boolean {
  if (text.includes(":")) return readIpv6(withoutZone(text), words);
  const value = readIpv4(text, 0);
  words[0] = words[1] = 0;
  words[2] = MAPPED;
  words[3] = value;
  return value >= 0;
}

/** Whether an address is IPv4, however it was written. */
export function isIpv4(words: Uint32Array): boolean {
  return words[2] === MAPPED && words[1] === 0 && words[0] === 0;
}

/** Formats an IPv4 address with dots. */
export function formatIpv4(words: Uint32Array): string {
  const value = words[3]!;
  return [24, 16, 8, 0].map((shift) => value >>> shift & 255).join(".");
}

/** Formats an address as RFC 5952 recommends: IPv4 with dots, IPv6 with its longest zeros left out. */
export function formatIp(words: Uint32Array): string {
  if (isIpv4(words)) return formatIpv4(words);
  const groups = [...words].flatMap((word) => [word >>> 16, word & 0xffff]).map((group) =>
    group.toString(16)
  );
  const zeros = [...groups.join(":").matchAll(/(?<![^:])0(?::0)+(?![^:])/g)].map(([run]) => run);
  const longest = zeros.reduce((best, run) => run.length > best.length ? run : best, "");
  const text = groups.join(":");
  if (longest === "") return text;
  const at = text.search(new RegExp(`(?<![^:])${longest}(?![^:])`));
  return `${text.slice(0, at).replace(/:$/, "")}::${text.slice(at + longest.length).replace(/^:/, "")}`;
}

export function withoutZone(text: string): string {
  const percent = text.indexOf("%");
  return percent < 0 ? text : text.slice(0, percent);
}

/** Four decimal numbers without leading zeros, from `start` to the end; -1 when the text is something else. */
function readIpv4(text: string, start: number): number {
  let value = 0;
  let part = -1;
  let parts = 1;
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === DOT) {
      if (part < 0 || parts === 4) return -1;
      value = value * 256 + part;
      part = -1;
      parts += 1;
    } else {
      if (code < 48 || code > 57 || part === 0) return -1;
      part = Math.max(part, 0) * 10 + code - 48;
      if (part > 255) return -1;
    }
  }
  return part < 0 || parts < 4 ? -1 : value * 256 + part;
}

/** Groups of hexadecimal digits, of which the last two may be dotted, and one `::` in place of groups of zeros. */
function readIpv6(text: string, words: Uint32Array): boolean {
  const groups: number[] = [];
  let gap = -1;
  let at = 0;
  if (text.startsWith("::")) {
    gap = 0;
    at = 2;
  }
  while (at < text.length) {
    const start = at;
    let group = 0;
    for (let digit = 0; (digit = hexDigit(text.charCodeAt(at))) >= 0; at++) group = group * 16 + digit;
    if (text.charCodeAt(at) === DOT) {
      const value = readIpv4(text, start);
      if (value < 0) return false;
      groups.push(value >>> 16, value & 0xffff);
      break;
    }
    if (at === start || at - start > 4) return false;
    groups.push(group);
    if (at === text.length) break;
    if (text.charCodeAt(at++) !== COLON || at === text.length) return false;
    if (text.charCodeAt(at) !== COLON) continue;
    if (gap >= 0) return false;
    gap = groups.length;
    at += 1;
  }
  return fill(words, groups, gap);
}

/** Puts groups into words, with zeros where the gap is (-1: nowhere); false when they are too few or too many. */
function fill(words: Uint32Array, groups: number[], gap: number): boolean {
  const missing = GROUPS - groups.length;
  if (gap < 0 ? missing !== 0 : missing <= 0) return false;
  for (let count = 0; count < missing; count++) groups.splice(gap, 0, 0);
  for (let word = 0; word < IP_WORDS; word++) {
    words[word] = groups[word * 2]! * 0x10000 + groups[word * 2 + 1]!;
  }
  return true;
}

/** -1 when it is none, as is the NaN past the end of a text. */
function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const lower = code | 0x20;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}
