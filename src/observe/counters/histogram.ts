/** Histograms: bucket bounds, and how many values are in each bucket. */

export interface HistogramFigures {
  /** Inclusive upper bounds of all buckets but the last; ascending. */
  readonly bounds: readonly number[];
  /** Values in each bucket, not cumulative: one more than there are bounds. */
  readonly counts: readonly number[];
  /** Of all values. */
  readonly sum: number;
}

/** Connects, handshakes and responses, in seconds: from the same machine to an overloaded upstream far away. */
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

/** Durations of connections, in seconds: from one request to a session of a day. */
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

/** Delays of timers, in seconds. Timers count in whole milliseconds, so less than two means nothing. */
export const DELAY_BOUNDS: readonly number[] = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];

/** The index of the bucket for a value. */
export function bucketOf(bounds: readonly number[], value: number): number {
  let bucket = 0;
  // Faster than a binary search: bounds are few, and most values are in the first buckets.
  while (bucket < bounds.length && value > bounds[bucket]!) bucket += 1;
  return bucket;
}

/** How many values a histogram has. */
export function countOf({ counts }: HistogramFigures): number {
  return counts.reduce((sum, count) => sum + count, 0);
}
