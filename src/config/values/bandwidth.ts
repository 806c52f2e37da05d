/** Bytes a second as people write them: `10MB/s`, `64KiB/s`, `65536`. */

import { parseSize } from "./size.ts";

/** Largest first, the order in which `formatBandwidth` tries them. */
const UNITS = ["GiB", "GB", "MiB", "MB", "KiB", "KB"] as const;

/** What `parseBandwidth` accepts of strings, as a regular expression for a JSON Schema. */
export const BANDWIDTH_PATTERN = "^[0-9]+((([KkMmGg][Ii]?)?[Bb])/s)?$";

/**
 * Parses bytes a second: a size with a unit and `/s`, or a bare number of bytes.
 *
 * @throws {SyntaxError} when it is neither.
 * @throws {RangeError} when it is too large to count in whole bytes.
 */
export function parseBandwidth(value: string | number): number {
  const text = String(value);
  if (!new RegExp(BANDWIDTH_PATTERN).test(text)) {
    const [, size] = /^(\d+[kmg]i?b)(ps)?$/i.exec(text) ?? [];
    throw new SyntaxError(
      `Cannot parse rate "${text}": ` +
        (size === undefined
          ? 'expected bytes a second such as "10MB/s" or "64KiB/s"'
          : `did you mean "${size}/s"?`),
    );
  }
  try {
    return parseSize(text.replace("/s", ""));
  } catch (cause) {
    throw new RangeError(`Cannot use rate "${text}": it is too large`, { cause });
  }
}

/** Formats bytes a second (a whole number) so that `parseBandwidth` gives them back: `10MB/s`, `1001B/s`. */
export function formatBandwidth(bytesPerSecond: number): string {
  for (const unit of UNITS) {
    const count = bytesPerSecond / parseSize(`1${unit}`);
    if (count >= 1 && Number.isInteger(count)) return `${count}${unit}/s`;
  }
  return `${bytesPerSecond}B/s`;
}
