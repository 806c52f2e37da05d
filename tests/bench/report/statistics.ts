/** Medians and percentiles. */

/** The middle one, or the mean of the two in the middle; null without any. */
export function median(values: readonly (number | undefined)[]): number | null {
  const sorted = values.filter((value) => value !== undefined).sort((a, b) => a - b);
  const low = sorted[Math.floor((sorted.length - 1) / 2)], high = sorted[Math.floor(sorted.length / 2)];
  return low === undefined || high === undefined ? null : (low + high) / 2;
}

/**
 * The median of the ratios within each round; null when no round has both. Not the ratio of the medians: the machine's
 * speed changes between rounds more than the programs differ.
 */
export function medianRatio(
  values: readonly (number | undefined)[],
  references: readonly (number | undefined)[],
): number | null {
  return median(values.map((value, round) => {
    const reference = references[round];
    return value === undefined || !reference ? undefined : value / reference;
  }));
}

/**
 * The smallest value that this percentage of all values does not exceed.
 *
 * @throws When there are no values.
 */
export function percentile(values: Iterable<number>, percent: number): number {
  const sorted = Float64Array.from(values).sort();
  const value = sorted[Math.max(Math.ceil(sorted.length * percent / 100), 1) - 1];
  if (value === undefined) throw new Error("nothing was measured");
  return value;
}
