/**
 * Rows of counters in memory that threads share. Each thread has a share of the table to itself, so that counting
 * needs no locks; readers add the shares up. The share of a thread that has ended stays in the sums.
 *
 * Rows are claimed and released as services and endpoints come and go. Nobody zeroes the numbers of a row, as only
 * its own thread may write them: what a row had counted before it was claimed is noted, and subtracted. A row must
 * not be released before what it counts has come to rest, or the rest is lost.
 */

import { Claim, type Column } from "./columns.ts";

/** The columns of a table by name. */
export type Columns = Readonly<Record<string, Column<unknown, unknown>>>;

/** What counts in each column of a row. */
export type Cells<C extends Columns> = { readonly [Name in keyof C]: ReturnType<C[Name]["cell"]> };

/** What each column of a row says. */
export type Figures<C extends Columns> = { readonly [Name in keyof C]: ReturnType<C[Name]["read"]> };

export interface TableSize {
  readonly rows: number;
  readonly threads: number;
}

/** Shares begin at cache lines of their own, so that threads do not take them from each other. */
const CACHE_LINE = 64;
const NUMBERS_PER_LINE = CACHE_LINE / Float64Array.BYTES_PER_ELEMENT;

/** Where a table is in memory, and which thread it is used in. */
export interface TablePlace {
  readonly memory: SharedArrayBuffer;
  /** Bytes from the beginning of the memory; a multiple of 64. */
  readonly offset: number;
  readonly thread: number;
}

export class CounterTable<C extends Columns> {
  readonly rows: number;
  readonly #columns: C;
  readonly #width: number;
  readonly #shares: readonly Float64Array[];
  /** What rows had counted when they were claimed, in all shares together and in each. */
  readonly #before: Float64Array;
  readonly #beforeInShares: readonly Float64Array[];
  /** Odd while the row is claimed. */
  readonly #generations: Int32Array;
  /** How many had each row before, by thread; a thread that is started again is another owner. */
  readonly #owners: readonly Int32Array[];
  readonly #thread: number;
  /** Where the search for a free row begins. */
  #next = 0;

  constructor(columns: C, { rows, threads }: TableSize, { memory, offset, thread }: TablePlace) {
    this.rows = rows;
    this.#columns = columns;
    this.#width = widthOf(columns);
    this.#thread = thread;
    const length = shareLength(columns, rows);
    const numbers = (which: number) =>
      new Float64Array(memory, offset + which * length * Float64Array.BYTES_PER_ELEMENT, length);
    const words = (which: number) =>
      new Int32Array(
        memory,
        offset + numbersBytes(columns, { rows, threads }) + which * wordsBytes(rows),
        rows,
      );
    const ofThreads = <Part>(part: (which: number) => Part, first: number) =>
      Array.from({ length: threads }, (_, which) => part(first + which));
    this.#before = numbers(0);
    this.#shares = ofThreads(numbers, 1);
    this.#beforeInShares = ofThreads(numbers, 1 + threads);
    this.#generations = words(0);
    this.#owners = ofThreads(words, 1);
  }

  /** Takes a free row, whose counts begin at 0, until {@linkcode CounterRow.release}; undefined when there is none. */
  claim(): CounterRow<C> | undefined {
    for (let tries = 0; tries < this.rows; tries++) {
      const row = this.#next;
      this.#next = (row + 1) % this.rows;
      const generation = Atomics.load(this.#generations, row);
      if (isClaimed(generation) || !this.#replace(row, generation, generation + 1)) continue;
      this.#noteBefore(row);
      return this.#row(row, generation + 1);
    }
    return undefined;
  }

  /**
   * A row that another thread has claimed and not released. Releasing it is left to that thread.
   *
   * @throws {RangeError} when there is no such row, or nobody has claimed it.
   */
  at(row: number): CounterRow<C> {
    const found = this.find(row);
    if (found === undefined) throw new RangeError(`Cannot use row ${row}: nobody has claimed it`);
    return found;
  }

  /**
   * The same; undefined when nobody has claimed it.
   *
   * @throws {RangeError} when there is no such row.
   */
  find(row: number): CounterRow<C> | undefined {
    const generation = this.#generations[row];
    if (generation === undefined) throw new RangeError(`Cannot use row ${row}: the table has ${this.rows}`);
    return isClaimed(generation) ? this.#row(row, generation) : undefined;
  }

  /**
   * A thread has ended: nobody else will count the end of what it had begun, so one column is made equal to another in
   * what its share has counted since each row was claimed. It counts nothing any more, even if it still runs: a thread
   * that was told to end goes on to the end of its turn, and what it is just counting comes after this, when the clock
   * says so. So do it again before another thread takes over its number.
   *
   * @param pairs Columns of ends, each with that of what had begun.
   */
  settle(
    thread: number,
    pairs: readonly (readonly [ended: keyof C & string, began: keyof C & string])[],
  ): void {
    const share = this.#shares[thread]!;
    const before = this.#beforeInShares[thread]!;
    for (let row = 0; row < this.rows; row++) Atomics.add(this.#owners[thread]!, row, 1);
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
    const claim = new Claim(this.#owners[this.#thread]!, row);
    return new CounterRow(row, this.#cells(row, claim), {
      figures: () => this.#figures(row),
      release: () => this.#release(row, generation),
    });
  }

  #release(row: number, generation: number): void {
    if (Atomics.load(this.#generations, row) !== generation) return;
    // Before it is free: whoever claims it then must be the only owner.
    for (const owners of this.#owners) Atomics.add(owners, row, 1);
    this.#replace(row, generation, (generation + 1) | 0);
  }

  #cells(row: number, claim: Claim): Cells<C> {
    const numbers = this.#shares[this.#thread]!;
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

  #noteBefore(row: number): void {
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
  /** Its place in the table, the same in all threads. */
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

  /** What all threads have counted since the row was claimed. */
  figures(): Figures<C> {
    return this.#actions.figures();
  }

  /** Gives the row back. What is counted in it from then on is lost. Doing so again changes nothing. */
  release(): void {
    this.#actions.release();
  }
}

/** The bytes that a table takes: a multiple of 64. */
export function tableBytes(columns: Columns, size: TableSize): number {
  return numbersBytes(columns, size) + (1 + size.threads) * wordsBytes(size.rows);
}

/** Of the numbers: shares, what was in each before, and that of all together. */
function numbersBytes(columns: Columns, { rows, threads }: TableSize): number {
  return (1 + 2 * threads) * shareLength(columns, rows) * Float64Array.BYTES_PER_ELEMENT;
}

/** Of one word for each row. */
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
