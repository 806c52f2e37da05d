/** The kinds of columns in a table of counters: how each is counted, stored and read. */

import type { WorkerEpoch } from "../../shared/worker_epoch.ts";

/** How a figure appears in `/metrics` and in docs/metrics.md. */
export interface Metric {
  readonly name: string;
  /** One sentence, with a full stop. */
  readonly help: string;
  /** Added to the help in docs/metrics.md. */
  readonly note?: string;
  /** Labels with a fixed value; columns with the same name make one family. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Omitted for services without TLS, or upstreams without a pool or queue. */
  readonly requires?: "tls" | "pool" | "queue" | "mirror";
}

/**
 * Counts by reason, without zeros.
 *
 * @example The reason that occurred most often
 * ```ts
 * import assert from "node:assert/strict";
 * import type { Counts } from "@sluice/sluice";
 *
 * const refusedBy: Counts = { access_denied: 2, connection_limit: 7 };
 * const [most] = Object.entries(refusedBy).sort(([, a], [, b]) => b - a);
 * assert.deepEqual(most, ["connection_limit", 7]);
 * ```
 */
export type Counts = Readonly<Record<string, number>>;

export function totalOf(counts: Counts): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}

/** A column: `width` adjacent numbers that only grow. */
export interface Column<Cell, Figures> {
  readonly kind: "counter" | "counterByReason" | "histogram";
  /** Undefined if only other figures are computed from the column. */
  readonly metric: Metric | undefined;
  readonly width: number;
  /** The counter of one row, for this thread. */
  cell(slots: Slots): Cell;
  /** Reads the figures from the numbers that begin at `at`. */
  read(numbers: Float64Array, at: number): Figures;
  /** The figures of several rows together. */
  sum(figures: readonly Figures[]): Figures;
}

/** The numbers of a cell; only one thread may write them. */
export interface Slots {
  readonly numbers: Float64Array;
  readonly at: number;
  readonly claim: Claim;
}

/**
 * The right to count in a row. It ends when the row is released or the worker dies: a later count must not count for
 * the next owner.
 */
export class Claim {
  readonly #generations: Int32Array;
  readonly #row: number;
  readonly #generation: number;
  readonly #epoch: WorkerEpoch;

  /** @param generations The number of a row changes when the row is claimed and when it is released. */
  constructor(generations: Int32Array, row: number, epoch: WorkerEpoch) {
    this.#generations = generations;
    this.#row = row;
    this.#generation = Atomics.load(generations, row);
    this.#epoch = epoch;
  }

  get holds(): boolean {
    return this.#generations[this.#row] === this.#generation && this.#epoch.isCurrent;
  }
}

export class Counter {
  readonly #numbers: Float64Array;
  readonly #at: number;
  readonly #claim: Claim;

  constructor({ numbers, at, claim }: Slots) {
    this.#numbers = numbers;
    this.#at = at;
    this.#claim = claim;
  }

  /** @param count not below 0. */
  add(count = 1): void {
    if (this.#claim.holds) this.#numbers[this.#at]! += count;
  }
}

/** One counter for each of a fixed list of reasons, and one for all others. */
class CounterByReason {
  readonly #slots: Slots;
  readonly #offsets: ReadonlyMap<string, number>;

  constructor(slots: Slots, offsets: ReadonlyMap<string, number>) {
    this.#slots = slots;
    this.#offsets = offsets;
  }

  add(reason: string): void {
    const { numbers, at, claim } = this.#slots;
    if (claim.holds) numbers[at + (this.#offsets.get(reason) ?? this.#offsets.size)]! += 1;
  }
}

/** Counts values by range. */
export class Histogram {
  readonly #slots: Slots;
  readonly #bounds: readonly number[];

  constructor(slots: Slots, bounds: readonly number[]) {
    this.#slots = slots;
    this.#bounds = bounds;
  }

  /** @param seconds not below 0. */
  observe(seconds: number): void {
    const { numbers, at, claim } = this.#slots;
    if (!claim.holds) return;
    numbers[at + bucketOf(this.#bounds, seconds)]! += 1;
    numbers[at + this.#bounds.length + 1]! += seconds;
  }
}

export function counter(metric?: Metric): Column<Counter, number> {
  return {
    kind: "counter",
    metric,
    width: 1,
    cell: (slots) => new Counter(slots),
    read: (numbers, at) => numbers[at]!,
    sum: (figures) => figures.reduce((total, count) => total + count, 0),
  };
}

/** Counts reasons that are not in the list. */
const OTHER = "other";

export function counterByReason(
  reasons: readonly string[],
  metric?: Metric,
): Column<CounterByReason, Counts> {
  const offsets = new Map(reasons.map((reason, offset) => [reason, offset]));
  if (offsets.size !== reasons.length) throw new RangeError("The list has a reason twice");
  const names = [...reasons, OTHER];
  return {
    kind: "counterByReason",
    metric,
    width: names.length,
    cell: (slots) => new CounterByReason(slots, offsets),
    read(numbers, at) {
      const counts: Record<string, number> = {};
      for (const [offset, name] of names.entries()) {
        const count = numbers[at + offset]!;
        if (count > 0) counts[name] = count;
      }
      return counts;
    },
    sum(figures) {
      const counts: Record<string, number> = {};
      for (const [reason, count] of figures.flatMap(Object.entries<number>)) {
        counts[reason] = (counts[reason] ?? 0) + count;
      }
      return counts;
    },
  };
}

/** @param bounds The upper bounds of all buckets but the last, which takes the rest; ascending, in seconds. */
export function histogram(bounds: readonly number[], metric?: Metric): Column<Histogram, HistogramFigures> {
  const buckets = bounds.length + 1;
  return {
    kind: "histogram",
    metric,
    width: buckets + 1,
    cell: (slots) => new Histogram(slots, bounds),
    read: (numbers, at) => ({
      bounds,
      counts: [...numbers.subarray(at, at + buckets)],
      sum: numbers[at + buckets]!,
    }),
    sum: (figures) => ({
      bounds,
      counts: Array.from({ length: buckets }, (_, bucket) => {
        return figures.reduce((total, { counts }) => total + counts[bucket]!, 0);
      }),
      sum: figures.reduce((total, { sum }) => total + sum, 0),
    }),
  };
}

export interface HistogramFigures {
  /** Inclusive upper bounds of all buckets but the last; ascending. */
  readonly bounds: readonly number[];
  /** Values in each bucket, not cumulative: one bucket more than there are bounds. */
  readonly counts: readonly number[];
  /** The sum of all values. */
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

/**
 * Delays of timers, in seconds. Timers count in whole milliseconds, so a delay below two milliseconds means nothing.
 */
export const DELAY_BOUNDS: readonly number[] = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];

/** The index of the bucket for a value. */
function bucketOf(bounds: readonly number[], value: number): number {
  let bucket = 0;
  // Faster than a binary search: bounds are few, and most values are in the first buckets.
  while (bucket < bounds.length && value > bounds[bucket]!) bucket += 1;
  return bucket;
}

/** How many values a histogram has. */
export function countOf({ counts }: HistogramFigures): number {
  return counts.reduce((sum, count) => sum + count, 0);
}
