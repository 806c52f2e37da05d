/** Seconds in each unit, the longest first. */
const UNITS = [["d", 86_400], ["h", 3_600], ["m", 60], ["s", 1]] as const;

/** How long something has lasted, in its two largest units: `9s`, `3m07s`, `5h00m`, `12d04h`. */
export function formatAge(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const first = UNITS.findIndex(([, size]) => seconds >= size);
  if (first === -1) return "0s";
  const [unit, size] = UNITS[first]!;
  const [nextUnit, nextSize] = UNITS[first + 1] ?? [];
  const text = `${Math.floor(seconds / size)}${unit}`;
  if (nextUnit === undefined) return text;
  return `${text}${String(Math.floor(seconds % size / nextSize!)).padStart(2, "0")}${nextUnit}`;
}
