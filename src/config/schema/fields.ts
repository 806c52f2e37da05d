/** The kinds of values in a configuration that are not addresses, as zod schemas. */

import { anyOf, closestOf } from "../input/closest.ts";
import { BANDWIDTH_PATTERN, formatBandwidth, parseBandwidth } from "../values/bandwidth.ts";
import { DURATION_PATTERN, formatDuration, parseDuration } from "../values/duration.ts";
import { checkPayload, formatPayload, parsePayload, PAYLOAD_PATTERN } from "../values/payload.ts";
import { type JsonSchema, scalar, type Single, textOf, textOrNumber, Unexpected } from "../values/scalar.ts";
import { formatSize, parseSize, SIZE_PATTERN } from "../values/size.ts";
import { formatUnixMode, parseUnixMode, UNIX_MODE_PATTERN } from "../values/unix_mode.ts";

/** How a duration is written. */
const DURATION: JsonSchema = { type: "string", pattern: DURATION_PATTERN };

/** How a program's milliseconds are written in a file. */
const inMilliseconds = (milliseconds: number) => `${milliseconds}ms`;

/** A duration in milliseconds of at least `minimum`. `0` is off where `orOff` allows it. */
export function duration(minimum = 0, orOff = minimum === 0) {
  const expected = `a duration of at least "${formatDuration(minimum)}"${orOff ? ", or 0" : ""}`;
  return scalar<string | number, number>({
    expected: minimum === 0 ? 'a duration such as "5s"' : expected,
    parse: (value) => {
      const milliseconds = parseDuration(textOrNumber(value));
      if (milliseconds < minimum && !(milliseconds === 0 && orOff)) throw new Unexpected();
      return milliseconds;
    },
    format: (milliseconds) => milliseconds === 0 ? 0 : formatDuration(milliseconds), // unquoted in YAML
    fromNumber: inMilliseconds,
    json: orOff ? [DURATION, { const: 0 }] : [DURATION],
  });
}

/**
 * A number, also as text of digits, which is what a variable gives.
 *
 * @throws {Unexpected} for anything else.
 */
export function numberIn(value: Single, digits = /^\d+$/): number {
  const number = typeof value === "string" && digits.test(value) ? Number(value) : value;
  if (typeof number === "number") return number;
  throw new Unexpected();
}

/** A whole number within limits. */
export function count(minimum: number, maximum?: number) {
  const within = maximum === undefined ? {} : { maximum };
  return scalar<number | string, number>({
    expected: `a whole number ${maximum === undefined ? "of at least" : "from"} ${minimum}` +
      (maximum === undefined ? "" : ` to ${maximum}`),
    parse: (value) => {
      const number = numberIn(value);
      const isWithin = number >= minimum && number <= (maximum ?? Number.MAX_SAFE_INTEGER);
      if (Number.isInteger(number) && isWithin) return number;
      throw new Unexpected();
    },
    json: [{ type: "integer", minimum, ...within }, { type: "string", pattern: "^[0-9]+$" }],
  });
}

/** A fraction, above 0 (or from 0 where that is `orNone`) and up to 1; also as text of percent. */
export function share({ orNone = false } = {}) {
  return scalar<number | string, number>({
    expected: `a share ${orNone ? "from 0" : "above 0 and up"} to 1 such as 0.1 or 10%`,
    parse: (value) => {
      const percent = /^(\d*\.?\d+)%$/.exec(String(value))?.[1];
      const number = percent === undefined ? numberIn(value, /^\d*\.?\d+$/) : Number(percent) / 100;
      // YAML can write NaN (`.nan`), which fails every comparison.
      if ((number > 0 || orNone && number === 0) && number <= 1) return number;
      throw new Unexpected();
    },
    json: [
      { type: "number", [orNone ? "minimum" : "exclusiveMinimum"]: 0, maximum: 1 },
      { type: "string", pattern: "^[0-9]*\\.?[0-9]+%?$" },
    ],
  });
}

/** A size in bytes, within limits if there are any. */
export function size(minimum = 0, maximum?: number) {
  const within = maximum === undefined ? {} : { maximum };
  return scalar<string | number, number>({
    expected: maximum === undefined
      ? 'a size such as "64KiB"'
      : `a size from ${formatSize(minimum)} to ${formatSize(maximum)}`,
    parse: (value) => {
      const bytes = parseSize(textOrNumber(value));
      if (bytes < minimum || bytes > (maximum ?? Infinity)) throw new Unexpected();
      return bytes;
    },
    format: formatSize,
    json: [{ type: "string", pattern: SIZE_PATTERN }, { type: "integer", minimum, ...within }],
  });
}

/** Bytes a second, or `0` for no limit. */
export function bandwidth(minimum: number) {
  return scalar<string | number, number>({
    expected: `a rate of at least "${formatBandwidth(minimum)}" such as "10MB/s", or 0`,
    parse: (value) => {
      const bytesPerSecond = parseBandwidth(textOrNumber(value));
      if (bytesPerSecond !== 0 && bytesPerSecond < minimum) throw new Unexpected();
      return bytesPerSecond;
    },
    format: formatBandwidth,
    json: [{ type: "string", pattern: BANDWIDTH_PATTERN }, { const: 0 }, { type: "integer", minimum }],
  });
}

/** A boolean; also as text, which is what a variable gives. */
export function flag() {
  return scalar<boolean | "true" | "false", boolean>({
    expected: "true or false",
    parse: parseFlag,
    json: [{ type: "boolean" }, { enum: ["true", "false"] }],
  });
}

/** A boolean, or the time before the first probe, in milliseconds. */
export function keepalive(minimum: number) {
  const expected = `true, false or a duration of at least "${formatDuration(minimum)}"`;
  return scalar<boolean | string | number, boolean | number>({
    expected,
    parse: (value) => {
      if (!/^\d/.test(String(value))) return parseFlag(value);
      const milliseconds = parseDuration(textOrNumber(value));
      if (milliseconds < minimum) throw new Unexpected();
      return milliseconds;
    },
    format: (value) => typeof value === "number" ? formatDuration(value) : value,
    fromNumber: inMilliseconds,
    json: [{ type: "boolean" }, { enum: ["true", "false"] }, DURATION],
  });
}

/** One of a few words. */
export function choice<const Word extends string>(...words: Word[]) {
  return scalar<Word, Word>({
    expected: anyOf(words.map((word) => `"${word}"`)),
    parse: (value) => {
      const word = words.find((candidate) => candidate === value);
      if (word !== undefined) return word;
      throw new Unexpected(undefined, { meant: closestOf(String(value), words) });
    },
    json: [{ enum: words }],
  });
}

/**
 * A text that a pattern matches, which editors check too.
 *
 * @param propose What else may have been meant; it counts if the pattern matches it.
 */
export function matching(
  pattern: string,
  expected: string,
  { isSecret = false, propose }: { isSecret?: boolean; propose?: (text: string) => string } = {},
) {
  const fits = (text: string) => new RegExp(pattern, "u").test(text);
  return scalar<string, string>({
    expected,
    parse: (value) => {
      const text = textOf(value);
      if (fits(text)) return text;
      const proposal = propose?.(text);
      throw new Unexpected(undefined, {
        meant: proposal !== undefined && fits(proposal) ? proposal : undefined,
      });
    },
    isSecret,
    json: [{ type: "string", pattern }],
  });
}

/** The name of something, as it appears in logs and metrics. */
export function name() {
  const pattern = "^[^\\s\\p{C}]{1,64}$";
  return scalar<string, string>({
    expected: "a name of 1 to 64 printable characters without spaces",
    parse: (value) => {
      const isName = (text: string) => new RegExp(pattern, "u").test(text);
      if (typeof value === "string" && isName(value)) return value;
      // A quoted number is a name.
      const proposal = String(value).trim().replace(/[\s\p{C}]+/gu, "-");
      throw new Unexpected(undefined, { meant: isName(proposal) ? proposal : undefined });
    },
    json: [{ type: "string", pattern }],
  });
}

const SEED = "a whole number, or a text of 1 to 64 printable characters";
const SEED_PATTERN = "^\\P{C}{1,64}$";

/**
 * Reads a seed of random numbers: 42 is the same as "42".
 *
 * @throws {Unexpected} for fractions, and for texts that are too long or cannot be printed.
 */
export function parseSeed(value: Single): string {
  const text = String(textOrNumber(value));
  const isSeed = typeof value === "number"
    ? Number.isSafeInteger(value)
    : new RegExp(SEED_PATTERN, "u").test(text);
  if (isSeed) return text;
  throw new Unexpected(`expected ${SEED}`);
}

/** A seed of random numbers, as a zod schema. */
export function seed() {
  return scalar<string | number, string>({
    expected: SEED,
    parse: parseSeed,
    json: [{ type: "integer" }, { type: "string", pattern: SEED_PATTERN }],
  });
}

/** Permissions of a unix socket file, as mode bits. */
export function unixMode() {
  return scalar<string | number, number>({
    expected: 'an octal mode such as "0660"',
    parse: (value) => parseUnixMode(textOrNumber(value)),
    format: formatUnixMode,
    // A program's 0o660 is the number 432, which in a file is ambiguous.
    fromNumber: (mode) => mode <= 0o777 ? formatUnixMode(mode) : mode,
    json: [{ type: "string", pattern: UNIX_MODE_PATTERN }, { type: "integer", minimum: 64, maximum: 777 }],
  });
}

/**
 * Bytes: text, which YAML lets hold `\r\n`, or hexadecimal digits, or in a program bytes. They may hold a password.
 *
 * @param options `orNone` also takes no bytes.
 */
export function payload({ isSecret = true, orNone = false } = {}) {
  return scalar<string | Uint8Array, Uint8Array>({
    expected: 'text in quotes such as "PING\\r\\n", or bytes such as "hex:0d0a"',
    parse: (value) => {
      if (orNone && (value === "" || value instanceof Uint8Array && value.length === 0)) {
        return new Uint8Array();
      }
      if (value instanceof Uint8Array) return checkPayload(value);
      return parsePayload(textOf(value)); // unquoted, 0220 and 1e3 are numbers, and what was written is lost
    },
    format: (bytes) => bytes.length === 0 ? "" : formatPayload(bytes),
    isSecret,
    json: [{ type: "string", pattern: PAYLOAD_PATTERN }, ...orNone ? [{ const: "" }] : []],
  });
}

/** How many threads relay. */
export type Workers = number | "auto";

/** A larger number is a typing error: no machine spares so many cores for a proxy. */
const MAX_WORKERS = 256;

const EXPECTED = `a whole number from 1 to ${MAX_WORKERS}, or "auto"`;

/**
 * Reads a number of threads, also as text, which is what a variable or the command line gives.
 *
 * @throws {Unexpected} when it is neither a number within the limits nor `auto`.
 */
export function parseWorkers(value: Single): Workers {
  if (value === "auto") return value;
  const count = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
  if (typeof count === "number" && Number.isInteger(count) && count >= 1 && count <= MAX_WORKERS) {
    return count;
  }
  throw new Unexpected(`expected ${EXPECTED}`, { meant: closestOf(String(value), ["auto"]) });
}

/** A number of threads, as a zod schema. */
export function workers() {
  return scalar<Workers | string, Workers>({
    expected: EXPECTED,
    parse: parseWorkers,
    json: [
      { type: "integer", minimum: 1, maximum: MAX_WORKERS },
      { enum: ["auto"] },
      { type: "string", pattern: "^[0-9]+$" },
    ],
  });
}

/** Booleans of other formats and of YAML 1.1. */
const YES: readonly Single[] = ["yes", "on", "y", "enabled", "enable", 1, "1"];
const NO: readonly Single[] = ["no", "off", "n", "disabled", "disable", "none", 0, "0"];

function parseFlag(value: Single): boolean {
  if (value === true || value === "true") return true;
  if (value === false || value === "false") return false;
  const word = typeof value === "string" ? value.toLowerCase() : value;
  if (YES.includes(word) || word === "true") throw new Unexpected(undefined, { meant: "true" });
  if (NO.includes(word) || word === "false") throw new Unexpected(undefined, { meant: "false" });
  throw new Unexpected();
}
