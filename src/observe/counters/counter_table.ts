/**
 * Rows of counters in shared memory. Each thread writes only its own share of the table, so counting needs no locks;
 * readers add up the shares, including those of threads that have ended.
 *
 * Rows are claimed and released as services and endpoints come and go. A claim cannot set the numbers to 0, because
 * only the thread of a share may write it. Instead it records their values, and readers subtract them. Release a row
 * only when nothing counts in it any more: later counts are lost.
 */

import type { WorkerEpoch } from "../../shared/worker_epoch.ts";
import { Claim, type Column } from "./columns.ts";

/** The columns of a table by name. */
export type Columns = Readonly<Record<string, Column<unknown, unknown>>>;

/** The counters of a row by column. */
export type Cells<C extends Columns> = { readonly [Name in keyof C]: ReturnType<C[Name]["cell"]> };

/** The figures of a row by column. */
export type Figures<C extends Columns> = { readonly [Name in keyof C]: ReturnType<C[Name]["read"]> };

export interface TableSize {
  readonly rows: number;
  readonly threads: number;
}

/** Shares are aligned to cache lines, so that threads do not contend for them. */
const CACHE_LINE = 64;
const NUMBERS_PER_LINE = CACHE_LINE / Float64Array.BYTES_PER_ELEMENT;

/** The memory of a table, and the epoch of the thread that counts in it. */
export interface TablePlace {
  readonly memory: SharedArrayBuffer;
  /** In bytes; a multiple of 64. */
  readonly offset: number;
  readonly epoch: WorkerEpoch;
}

export class CounterTable<C extends Columns> {
  readonly rows: number;
  readonly #columns: C;
  readonly #width: number;
  readonly #shares: readonly Float64Array[];
  /** The numbers at the time of each claim, of all shares together and of each. */
  readonly #before: Float64Array;
  readonly #beforeInShares: readonly Float64Array[];
  /** Odd while the row is claimed. */
  readonly #generations: Int32Array;
  readonly #epoch: WorkerEpoch;
  /** The row at which the search for a free one begins. */
  #next = 0;

  constructor(columns: C, rows: number, { memory, offset, epoch }: TablePlace) {
    const { threads } = epoch;
    this.rows = rows;
    this.#columns = columns;
    this.#width = widthOf(columns);
    this.#epoch = epoch;
    const length = shareLength(columns, rows);
    const numbers = (which: number) =>
      new Float64Array(memory, offset + which * length * Float64Array.BYTES_PER_ELEMENT, length);
    const ofThreads = (first: number) =>
      Array.from({ length: threads }, (_, thread) => numbers(first + thread));
    this.#before = numbers(0);
    this.#shares = ofThreads(1);
    this.#beforeInShares = ofThreads(1 + threads);
    this.#generations = new Int32Array(memory, offset + numbersBytes(columns, { rows, threads }), rows);
  }

  /** Claims a free row until {@linkcode CounterRow.release}. Its figures begin at 0. Undefined if none is free. */
  claim(): CounterRow<C> | undefined {
    for (let tries = 0; tries < this.rows; tries++) {
      const row = this.#next;
      this.#next = (row + 1) % this.rows;
      const generation = Atomics.load(this.#generations, row);
      if (isClaimed(generation) || !this.#replace(row, generation, generation + 1)) continue;
      this.#recordBefore(row);
      return this.#row(row, generation + 1);
    }
    return undefined;
  }

  /**
   * A row that another thread has claimed; only that thread releases it.
   *
   * @throws {RangeError} when there is no such row, or it is not claimed.
   */
  at(row: number): CounterRow<C> {
    const found = this.find(row);
    if (found === undefined) throw new RangeError(`Cannot use row ${row}: it is not claimed`);
    return found;
  }

  /**
   * The same; undefined if it is not claimed.
   *
   * @throws {RangeError} when there is no such row.
   */
  find(row: number): CounterRow<C> | undefined {
    const generation = this.#generations[row];
    if (generation === undefined) throw new RangeError(`Cannot use row ${row}: the table has ${this.rows}`);
    return isClaimed(generation) ? this.#row(row, generation) : undefined;
  }

  /**
   * Counts the ends that a dead worker cannot count: in its share, makes the counts of ends since each claim equal to
   * those of starts. The worker's epoch must have ended.
   *
   * @param pairs A column that counts ends, and the one that counts starts.
   */
  reclaimWorker(
    thread: number,
    pairs: readonly (readonly [ended: keyof C & string, began: keyof C & string])[],
  ): void {
    const share = this.#shares[thread]!;
    const before = this.#beforeInShares[thread]!;
    for (const [ended, began] of pairs) {
      const [to, from] = [this.#offsetOf(ended), this.#offsetOf(began)];
      for (let row = 0; row < this.rows; row++) {
        const at = row * this.#width;
        share[at + to] = before[at + to]! + share[at + from]! - before[at + from]!;
      }
    }
  }

  #offsetOf(wanted: string): number {
    let offset = 0;
    for (const [name, { width }] of Object.entries(this.#columns)) {
      if (name === wanted) break;
      offset += width;
    }
    return offset;
  }

  #row(row: number, generation: number): CounterRow<C> {
    const claim = new Claim(this.#generations, row, this.#epoch);
    return new CounterRow(row, this.#cells(row, claim), {
      figures: () => this.#figures(row),
      release: () => this.#release(row, generation),
    });
  }

  #release(row: number, generation: number): void {
    this.#replace(row, generation, (generation + 1) | 0);
  }

  #cells(row: number, claim: Claim): Cells<C> {
    const numbers = this.#shares[this.#epoch.thread]!;
    let at = row * this.#width;
    const cells = Object.entries(this.#columns).map(([name, column]) => {
      const cell = column.cell({ numbers, at, claim });
      at += column.width;
      return [name, cell];
    });
    return Object.fromEntries(cells) as Cells<C>;
  }

  #figures(row: number): Figures<C> {
    const sum = this.#sum(row);
    const before = this.#before.subarray(row * this.#width);
    for (let at = 0; at < this.#width; at++) sum[at]! -= before[at]!;
    let at = 0;
    const figures = Object.entries(this.#columns).map(([name, column]) => {
      const value = column.read(sum, at);
      at += column.width;
      return [name, value];
    });
    return Object.fromEntries(figures) as Figures<C>;
  }

  #recordBefore(row: number): void {
    const begin = row * this.#width;
    const before = this.#before.subarray(begin, begin + this.#width).fill(0);
    for (const [thread, share] of this.#shares.entries()) {
      const counted = share.slice(begin, begin + this.#width);
      this.#beforeInShares[thread]!.set(counted, begin);
      for (let at = 0; at < this.#width; at++) before[at]! += counted[at]!;
    }
  }

  #sum(row: number): Float64Array {
    const sum = new Float64Array(this.#width);
    const begin = row * this.#width;
    for (const share of this.#shares) {
      for (let at = 0; at < this.#width; at++) sum[at]! += share[begin + at]!;
    }
    return sum;
  }

  #replace(row: number, before: number, after: number): boolean {
    return Atomics.compareExchange(this.#generations, row, before, after) === before;
  }
}

interface RowActions<C extends Columns> {
  readonly figures: () => Figures<C>;
  readonly release: () => void;
}

export class CounterRow<C extends Columns> {
  /** Its index in the table, the same in all threads. */
  readonly number: number;
  /** Count here: `row.cells.accepted.add()`. */
  readonly cells: Cells<C>;
  readonly #actions: RowActions<C>;

  /** Made by {@linkcode CounterTable}. */
  constructor(number: number, cells: Cells<C>, actions: RowActions<C>) {
    this.number = number;
    this.cells = cells;
    this.#actions = actions;
  }

  /** The figures of all threads since the row was claimed. */
  figures(): Figures<C> {
    return this.#actions.figures();
  }

  /** Frees the row. Later counts are lost. May be called twice. */
  release(): void {
    this.#actions.release();
  }
}

/** The bytes that a table takes: a multiple of 64. */
export function tableBytes(columns: Columns, size: TableSize): number {
  return numbersBytes(columns, size) + wordsBytes(size.rows);
}

/** Bytes of the numbers: the shares, their values at each claim, and the sum of those. */
function numbersBytes(columns: Columns, { rows, threads }: TableSize): number {
  return (1 + 2 * threads) * shareLength(columns, rows) * Float64Array.BYTES_PER_ELEMENT;
}

/** Bytes of one word for each row. */
function wordsBytes(rows: number): number {
  return Math.ceil(rows * Int32Array.BYTES_PER_ELEMENT / CACHE_LINE) * CACHE_LINE;
}

function shareLength(columns: Columns, rows: number): number {
  return Math.ceil(rows * widthOf(columns) / NUMBERS_PER_LINE) * NUMBERS_PER_LINE;
}

function widthOf(columns: Columns): number {
  return Object.values(columns).reduce((sum, { width }) => sum + width, 0);
}

function isClaimed(generation: number): boolean {
  return (generation & 1) === 1;
}
