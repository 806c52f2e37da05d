/** Durations as people write them: `250ms`, `5s`, `1m30s`, `0`. */

/** Milliseconds in each unit, longest first, the order in which `formatDuration` uses them. */
const UNITS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000, ms: 1 } as const;

/** The longest delay a timer takes, in milliseconds (about 24 days); a longer one would fire at once. */
export const MAX_DURATION = 2 ** 31 - 1;

/** What `parseDuration` accepts, as a regular expression for a JSON Schema. */
export const DURATION_PATTERN = "^(0|([0-9]+(ms|s|m|h|d))+)$";

/**
 * Parses a duration into milliseconds. It is one or more whole numbers, each with a unit (`ms`, `s`, `m`, `h`,
 * `d`), which add up, or `0`, which means that something is off. A bare number could be seconds or
 * milliseconds, so it is refused.
 *
 * @throws {SyntaxError} when it is not a duration.
 * @throws {RangeError} when it is longer than `MAX_DURATION`.
 */
export function parseDuration(value: string | number): number {
  const text = String(value);
  if (text === "0") return 0;
  if (!new RegExp(DURATION_PATTERN).test(text)) {
    throw new SyntaxError(`Cannot parse duration "${text}": ${hintFor(text)}`);
  }
  let total = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)(ms|[smhd])/g)) {
    total += Number(count) * UNITS[unit as keyof typeof UNITS];
  }
  if (total > MAX_DURATION) throw new RangeError(`Cannot use duration "${text}": expected at most 24d`);
  return total;
}

/** Formats milliseconds (a whole number, 0 or more) so that `parseDuration` gives them back: `1m30s`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds === 0) return "0";
  let rest = milliseconds;
  let text = "";
  for (const [unit, size] of Object.entries(UNITS)) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) text += `${count}${unit}`;
  }
  return text;
}

/** Units as other programs write them. */
const OTHER_UNITS: readonly (readonly [pattern: RegExp, unit: string])[] = [
  [/^(ms|msecs?|millis|milliseconds?)$/i, "ms"],
  [/^(s|secs?|seconds?)$/i, "s"],
  [/^(m|mins?|minutes?)$/i, "m"],
  [/^(h|hrs?|hours?)$/i, "h"],
  [/^(d|days?)$/i, "d"],
];

function hintFor(text: string): string {
  const [, number, word = ""] = /^\s*(\d+)\s*([a-z]+)\s*$/i.exec(text) ?? [];
  const unit = OTHER_UNITS.find(([pattern]) => pattern.test(word))?.[1];
  if (number !== undefined && unit !== undefined) return `did you mean "${number}${unit}"?`;
  if (/^\d+$/.test(text)) return `a unit is missing, write "${text}s" or "${text}ms"`;
  if (/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) {
    return 'expected whole numbers, "1s500ms" instead of "1.5s"';
  }
  return 'expected a number with a unit (ms, s, m, h, d) such as "5s"';
}
