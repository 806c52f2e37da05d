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
/** The groups of the address being read. */
const groups = new Uint16Array(GROUPS);
const DOT = 46;
const COLON = 58;
const PERCENT = 37;

/**
 * Reads an address into `words`, which has {@linkcode IP_WORDS}; false when the text is none.
 *
 * @param start Where it begins in the text, and ends before `end`: no text is cut out, for lists of 100 000.
 */
export function readIpAddress(text: string, words: Uint32Array, start = 0, end = text.length): boolean {
  if (isWrittenAsIpv6(text, start, end)) {
    return readIpv6(text, start, endWithoutZone(text, start, end), words);
  }
  const value = readIpv4(text, start, end);
  words[0] = words[1] = 0;
  words[2] = MAPPED;
  words[3] = value;
  return value >= 0;
}

/** Whether it has a colon where every IPv6 address has one: after four digits at the latest. */
export function isWrittenAsIpv6(text: string, start: number, end: number): boolean {
  const last = Math.min(end, start + 5);
  for (let at = start; at < last; at++) if (text.charCodeAt(at) === COLON) return true;
  return false;
}

/** The words of an IP address; undefined when the text is not one. */
export function parseIp(text: string): Uint32Array | undefined {
  const words = new Uint32Array(IP_WORDS);
  return readIpAddress(text, words) ? words : undefined;
}

/** Whether an address is IPv4, however it was written. */
export function isIpv4(words: Uint32Array): boolean {
  return words[2] === MAPPED && words[1] === 0 && words[0] === 0;
}

/** The canonical text (RFC 5952 section 4), with dots when the address is IPv4 or mapped to it. */
export function formatIp(words: Uint32Array): string {
  if (isIpv4(words)) return [24, 16, 8, 0].map((shift) => words[3]! >>> shift & 255).join(".");
  const groups = Array.from(words).flatMap((word) => [word >>> 16, word & 0xffff]);
  const [gap, length] = longestZeros(groups);
  const text = groups.map((group) => group.toString(16));
  if (length < 2) return text.join(":");
  return `${text.slice(0, gap).join(":")}::${text.slice(gap + length).join(":")}`;
}

/** The first of the longest runs of zeros: its index and its length. */
function longestZeros(groups: readonly number[]): [start: number, length: number] {
  let longest: [number, number] = [0, 0];
  let length = 0;
  for (const [index, group] of groups.entries()) {
    length = group === 0 ? length + 1 : 0;
    if (length > longest[1]) longest = [index - length + 1, length];
  }
  return longest;
}

function endWithoutZone(text: string, start: number, end: number): number {
  for (let at = start; at < end; at++) if (text.charCodeAt(at) === PERCENT) return at;
  return end;
}

/** Four decimal numbers without leading zeros; -1 when the text is something else. */
function readIpv4(text: string, start: number, end: number): number {
  let value = 0;
  let part = -1;
  let parts = 1;
  for (let at = start; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code === DOT) {
      if (part < 0 || parts === 4) return -1;
      value = value * 256 + part;
      part = -1;
      parts += 1;
    } else {
      if (code < 48 || code > 57 || part === 0) return -1;
      part = (part < 0 ? 0 : part * 10) + code - 48;
      if (part > 255) return -1;
    }
  }
  return part < 0 || parts < 4 ? -1 : value * 256 + part;
}

/** Groups of hexadecimal digits, of which the last two may be dotted, and one `::` in place of groups of zeros. */
function readIpv6(text: string, from: number, end: number, words: Uint32Array): boolean {
  let count = 0;
  let gap = -1;
  let at = from;
  if (end - at >= 2 && text.charCodeAt(at) === COLON && text.charCodeAt(at + 1) === COLON) {
    gap = 0;
    at += 2;
  }
  while (at < end) {
    const start = at;
    let group = 0;
    for (let digit = 0; at < end && (digit = hexDigit(text.charCodeAt(at))) >= 0; at++) {
      group = group * 16 + digit;
    }
    if (at < end && text.charCodeAt(at) === DOT) {
      const value = readIpv4(text, start, end);
      if (value < 0 || count > GROUPS - 2) return false;
      groups[count++] = value >>> 16;
      groups[count++] = value & 0xffff;
      break;
    }
    if (at === start || at - start > 4 || count === GROUPS) return false;
    groups[count++] = group;
    if (at === end) break;
    if (text.charCodeAt(at++) !== COLON || at === end) return false;
    if (text.charCodeAt(at) !== COLON) continue;
    if (gap >= 0) return false;
    gap = count;
    at += 1;
  }
  return fill(words, count, gap);
}

/** Puts groups into words, with zeros where the gap is (-1: nowhere); false when they are too few or too many. */
function fill(words: Uint32Array, count: number, gap: number): boolean {
  if (gap < 0 ? count !== GROUPS : count === GROUPS) return false;
  if (gap >= 0) {
    const zeros = GROUPS - count;
    for (let place = GROUPS - 1; place >= gap; place--) {
      groups[place] = place >= gap + zeros ? groups[place - zeros]! : 0;
    }
  }
  for (let word = 0; word < IP_WORDS; word++) {
    words[word] = groups[word * 2]! * 0x10000 + groups[word * 2 + 1]!;
  }
  return true;
}

/** The value of a hexadecimal digit; -1 for anything else, such as the NaN past the end of a text. */
function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const lower = code | 0x20;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}
