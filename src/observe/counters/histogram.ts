/** How often values fell into each of a few ranges. */

export interface HistogramFigures {
  /** The highest value of each bucket but the last, which has no bound; ascending. */
  readonly bounds: readonly number[];
  /** How many values fell into each bucket, and into no lower one: one more than there are bounds. */
  readonly counts: readonly number[];
  /** Of all values. */
  readonly sum: number;
}

/**
 * Connecting, shaking hands, answering, in seconds: from a neighbour on the same machine to an upstream on the other
 * side of the world that is overloaded.
 */
export const LATENCY_BOUNDS: readonly number[] = [
  0.0005,
  0.001,
  0.0025,
  0.005,
  0.01,
  0.025,
  0.05,
  0.1,
  0.25,
  0.5,
  1,
  2.5,
  5,
  10,
  30,
];

/** How long connections last, in seconds: from one request to a session of a day. */
export const DURATION_BOUNDS: readonly number[] = [
  0.01,
  0.05,
  0.25,
  1,
  5,
  15,
  60,
  300,
  900,
  3600,
  4 * 3600,
  24 * 3600,
];

/** How late a timer is, in seconds. Timers count in whole milliseconds, so what is below two says nothing. */
export const DELAY_BOUNDS: readonly number[] = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];

/** The number of the bucket that a value falls into. */
export function bucketOf(bounds: readonly number[], value: number): number {
  let bucket = 0;
  // So few bounds are searched faster from the front, where most values are.
  while (bucket < bounds.length && value > bounds[bucket]!) bucket += 1;
  return bucket;
}

/** How many values there were. */
export function countOf({ counts }: HistogramFigures): number {
  return counts.reduce((sum, count) => sum + count, 0);
}
