/** Status codes of HTTP as people write them: `200`, `2xx` or `200-299`. */

import type { PortRange } from "./port_range.ts";

/** Inclusive. */
export type StatusRange = PortRange;

/** What `parseStatusRange` accepts of strings, as a regular expression for a JSON Schema. */
export const STATUS_PATTERN = "^([1-5]xx|[1-5][0-9]{2}(-[1-5][0-9]{2})?)$";

/**
 * Parses a status code, a class of them or a range, both ends inclusive.
 *
 * @throws {SyntaxError} when it is none of these, or the first code is larger than the last.
 */
export function parseStatusRange(value: string | number): StatusRange {
  const text = String(value);
  if (!new RegExp(STATUS_PATTERN).test(text)) {
    throw new SyntaxError(
      `Cannot parse status "${text}": expected a code such as 200, a class such as "2xx" or a range such as "200-399"`,
    );
  }
  if (text.endsWith("xx")) return { first: Number(text[0]) * 100, last: Number(text[0]) * 100 + 99 };
  const [first, last = first] = text.split("-").map(Number);
  if (first! > last!) {
    throw new SyntaxError(`Cannot parse status "${text}": the first code is larger than the last`);
  }
  return { first: first!, last: last! };
}
