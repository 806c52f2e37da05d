/** The kinds of columns that a table of counters can have: how each is written, kept and read. */

import { bucketOf, type HistogramFigures } from "./histogram.ts";

/** Counts by reason; only those that occurred. */
export type Counts = Readonly<Record<string, number>>;

export function totalOf(counts: Counts): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}

/** A column: so many numbers side by side, which only grow. */
export interface Column<Cell, Figures> {
  readonly width: number;
  /** What counts in the cell of one row, in this thread. */
  cell(slots: Slots): Cell;
  /** What the numbers beginning at `at` say. */
  read(numbers: Float64Array, at: number): Figures;
}

/** Where the numbers of a cell are, for the one thread that may write them. */
export interface Slots {
  readonly numbers: Float64Array;
  readonly at: number;
  readonly claim: Claim;
}

/**
 * A row belongs to somebody until it is released, and a share to a thread until it ends; what is given afterwards must
 * not count for the next owner.
 */
export class Claim {
  readonly #owners: Int32Array;
  readonly #row: number;
  readonly #owner: number;

  /** @param owners How many had each row in this thread before. */
  constructor(owners: Int32Array, row: number) {
    this.#owners = owners;
    this.#row = row;
    this.#owner = Atomics.load(owners, row);
  }

  get holds(): boolean {
    return this.#owners[this.#row] === this.#owner;
  }
}

/** Grows by what is added. */
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

/** A counter for each of a fixed list of reasons, and one for all others. */
export class CounterByReason {
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

/** How often values fell into each of a few ranges. */
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

export function counter(): Column<Counter, number> {
  return {
    width: 1,
    cell: (slots) => new Counter(slots),
    read: (numbers, at) => numbers[at]!,
  };
}

/** The name under which reasons are counted that are not in the list. */
export const OTHER = "other";

export function counterByReason(reasons: readonly string[]): Column<CounterByReason, Counts> {
  const offsets = new Map(reasons.map((reason, offset) => [reason, offset]));
  if (offsets.size !== reasons.length) throw new RangeError("A reason is in the list twice");
  const names = [...reasons, OTHER];
  return {
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
  };
}

/** @param bounds The highest values of the buckets but the last, which takes the rest; ascending, in seconds. */
export function histogram(bounds: readonly number[]): Column<Histogram, HistogramFigures> {
  const buckets = bounds.length + 1;
  return {
    width: buckets + 1,
    cell: (slots) => new Histogram(slots, bounds),
    read: (numbers, at) => ({
      bounds,
      counts: [...numbers.subarray(at, at + buckets)],
      sum: numbers[at + buckets]!,
    }),
  };
}
