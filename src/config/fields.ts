/** The kinds of values in a configuration that are not addresses, as zod schemas. */

import { DURATION_PATTERN, formatDuration, parseDuration } from "./duration.ts";
import { type JsonSchema, scalar, textOrNumber, Unexpected } from "./scalar.ts";
import { formatSize, parseSize, SIZE_PATTERN } from "./size.ts";
import { parseUnixMode, UNIX_MODE_PATTERN } from "./unix_mode.ts";

const DURATION: JsonSchema = { type: "string", pattern: DURATION_PATTERN };

/** A duration in milliseconds; `0` is off. */
export function duration() {
  return scalar<string | number, number>({
    expected: 'a duration such as "5s"',
    parse: (value) => parseDuration(textOrNumber(value)),
    json: [DURATION, { const: 0 }],
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
    json: [{ type: "string", pattern: SIZE_PATTERN }, { type: "integer", minimum, maximum }],
  });
}

/** A yes or no; as text too, which is what a variable gives. */
export function flag() {
  return scalar<boolean | "true" | "false", boolean>({
    expected: "true or false",
    parse: parseFlag,
    json: [{ type: "boolean" }, { enum: ["true", "false"] }],
  });
}

/** A yes or no, or how long to wait before the first probe, in milliseconds. */
export function keepalive(minimum: number) {
  const expected = `true, false or a duration of at least "${formatDuration(minimum)}"`;
  return scalar<boolean | string | number, boolean | number>({
    expected,
    parse: (value) => {
      if (typeof value === "boolean" || value === "true" || value === "false") return parseFlag(value);
      if (!/^\d/.test(String(value))) throw new Unexpected();
      const milliseconds = parseDuration(value);
      if (milliseconds < minimum) throw new Unexpected();
      return milliseconds;
    },
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
      if (word === undefined) throw new Unexpected();
      return word;
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
      if (typeof value !== "string" || !new RegExp(pattern, "u").test(value)) throw new Unexpected();
      return value;
    },
    json: [{ type: "string", pattern }],
  });
}

/** Permissions of a unix socket file, as mode bits. */
export function unixMode() {
  return scalar<string | number, number>({
    expected: 'an octal mode such as "0660"',
    parse: (value) => parseUnixMode(textOrNumber(value)),
    json: [{ type: "string", pattern: UNIX_MODE_PATTERN }, { type: "integer", minimum: 64, maximum: 777 }],
  });
}

function parseFlag(value: string | number | boolean): boolean {
  if (value === true || value === "true") return true;
  if (value === false || value === "false") return false;
  throw new Unexpected();
}
