/** Sizes as people write them: `64KiB`, `10MB`, `4096`. */

/** Bytes in each unit. Keys are lower case: `KB`, `kB` and `kb` all mean 1000 bytes. */
const UNITS = {
  gib: 1024 ** 3,
  gb: 1000 ** 3,
  mib: 1024 ** 2,
  mb: 1000 ** 2,
  kib: 1024,
  kb: 1000,
  b: 1,
} as const;

/** What `parseSize` accepts of strings, as a regular expression for a JSON Schema. */
export const SIZE_PATTERN = "^[0-9]+(([KkMmGg][Ii]?)?[Bb])?$";

/**
 * Parses a size into bytes: a whole number with a unit (`B`, `KB`, `MB`, `GB` of 1000; `KiB`, `MiB`, `GiB` of
 * 1024; upper or lower case) or a bare number of bytes.
 *
 * @throws {SyntaxError} when it is not a size.
 * @throws {RangeError} when it is too large to count in whole bytes.
 */
export function parseSize(value: string | number): number {
  const text = String(value);
  const [, count, suffix] = /^(\d+)([a-z]*)$/i.exec(text) ?? [];
  const unit = (suffix === "" ? "b" : suffix)?.toLowerCase();
  if (count === undefined || unit === undefined || !Object.hasOwn(UNITS, unit)) {
    const [, number, written = ""] = /^\s*(\d+)\s*([kmg](?:i?b)?)\s*$/i.exec(text) ?? [];
    const hint = number === undefined
      ? 'expected a whole number with a unit (B, KiB, MiB, GiB, KB, MB, GB) such as "64KiB"'
      : `did you mean "${number}${written.length === 1 ? `${written.toUpperCase()}iB` : written}"?`;
    throw new SyntaxError(`Cannot parse size "${text}": ${hint}`);
  }
  const bytes = Number(count) * UNITS[unit as keyof typeof UNITS];
  if (!Number.isSafeInteger(bytes)) throw new RangeError(`Cannot use size "${text}": it is too large`);
  return bytes;
}

/** Formats bytes (a whole number) in the largest binary unit that divides them: `64KiB`, `1000B`. */
export function formatSize(bytes: number): string {
  for (const unit of ["GiB", "MiB", "KiB"] as const) {
    const size = UNITS[unit.toLowerCase() as keyof typeof UNITS];
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`;
  }
  return `${bytes}B`;
}
