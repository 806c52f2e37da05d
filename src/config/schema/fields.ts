/** The kinds of values in a configuration that are not addresses, as zod schemas. */

import { closestOf } from "../input/closest.ts";
import { DURATION_PATTERN, formatDuration, parseDuration } from "../values/duration.ts";
import { checkPayload, formatPayload, parsePayload, PAYLOAD_PATTERN } from "../values/payload.ts";
import { type JsonSchema, scalar, type Single, textOrNumber, Unexpected } from "../values/scalar.ts";
import { formatSize, parseSize, SIZE_PATTERN } from "../values/size.ts";
import { formatUnixMode, parseUnixMode, UNIX_MODE_PATTERN } from "../values/unix_mode.ts";

/** How a duration is written. */
export const DURATION: JsonSchema = { type: "string", pattern: DURATION_PATTERN };

/** How a program's milliseconds are written in a file. */
export const inMilliseconds = (milliseconds: number) => `${milliseconds}ms`;

/** A duration in milliseconds; `0` is off, unless there is a minimum. */
export function duration(minimum = 0) {
  return scalar<string | number, number>({
    expected: minimum === 0
      ? 'a duration such as "5s"'
      : `a duration of at least "${formatDuration(minimum)}"`,
    parse: (value) => {
      const milliseconds = parseDuration(textOrNumber(value));
      if (milliseconds < minimum) throw new Unexpected();
      return milliseconds;
    },
    format: formatDuration,
    fromNumber: inMilliseconds,
    json: minimum === 0 ? [DURATION, { const: 0 }] : [DURATION],
  });
}

/** A whole number within limits; also as text, which is what a variable gives. */
export function count(minimum: number, maximum: number) {
  return scalar<number | string, number>({
    expected: `a whole number from ${minimum} to ${maximum}`,
    parse: (value) => {
      const number = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
      if (typeof number !== "number" || !Number.isInteger(number)) throw new Unexpected();
      if (number < minimum || number > maximum) throw new Unexpected();
      return number;
    },
    json: [{ type: "integer", minimum, maximum }, { type: "string", pattern: "^[0-9]+$" }],
  });
}

/** A fraction, above 0 and up to 1. */
export function share() {
  return scalar<number | string, number>({
    expected: "a share above 0 and up to 1 such as 0.1",
    parse: (value) => {
      const number = typeof value === "string" && /^\d*\.?\d+$/.test(value) ? Number(value) : value;
      // YAML can write NaN (`.nan`), which fails every comparison.
      if (typeof number === "number" && number > 0 && number <= 1) return number;
      throw new Unexpected();
    },
    json: [
      { type: "number", exclusiveMinimum: 0, maximum: 1 },
      { type: "string", pattern: "^[0-9]*\\.?[0-9]+$" },
    ],
  });
}

/** A size in bytes within limits. */
export function size(minimum: number, maximum: number) {
  const expected = `a size from ${formatSize(minimum)} to ${formatSize(maximum)}`;
  return scalar<string | number, number>({
    expected,
    parse: (value) => {
      const bytes = parseSize(textOrNumber(value));
      if (bytes < minimum || bytes > maximum) throw new Unexpected();
      return bytes;
    },
    format: formatSize,
    json: [{ type: "string", pattern: SIZE_PATTERN }, { type: "integer", minimum, maximum }],
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
      if (typeof value === "boolean" || value === "true" || value === "false") return parseFlag(value);
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
  const quoted = words.map((word) => `"${word}"`);
  return scalar<Word, Word>({
    expected: `${quoted.slice(0, -1).join(", ")} or ${quoted.at(-1)}`,
    parse: (value) => {
      const word = words.find((candidate) => candidate === value);
      if (word !== undefined) return word;
      throw new Unexpected(undefined, { meant: closestOf(String(value), words) });
    },
    json: [{ enum: words }],
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
      throw new Unexpected(undefined, {
        meant: isName(proposal) ? proposal : undefined,
      });
    },
    json: [{ type: "string", pattern }],
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

/** Bytes: text, which YAML lets hold `\r\n`, or hexadecimal digits, or in a program bytes. */
export function payload() {
  return scalar<string | Uint8Array, Uint8Array>({
    expected: 'text in quotes such as "PING\\r\\n", or bytes such as "hex:0d0a"',
    parse: (value) => {
      if (value instanceof Uint8Array) return checkPayload(value);
      // Unquoted, 0220 and 1e3 are numbers, and what was written is lost.
      if (typeof value !== "string") throw new Unexpected();
      return parsePayload(value);
    },
    format: formatPayload,
    isSecret: true, // it may hold a password
    json: [{ type: "string", pattern: PAYLOAD_PATTERN }],
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
