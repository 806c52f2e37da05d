/**
 * Counts of what is open now, shared by all threads that have the table's memory.
 *
 * Each slot of the table is one word that says everything about it, and changes in one compare-exchange. So a count
 * never passes its limit, not even for a moment, and a slot is never freed with something left in it. Beside it, each
 * thread keeps its share of the count: what another thread takes out should this one die. A thread is in the count
 * before it is in its share, and leaves in reverse, so that whatever stops it between the two, the count is not too
 * low.
 *
 * To wait for a place that any thread may leave, and miss none: first `wait()`, then `enter()` once more, and
 * only where that fails wait to be told, which a message does in a later turn of the event loop. Who leaves
 * lowers the count first, and then checks for waiters. Waiters are counted only in the shares of threads, and
 * a check reads all shares, so that a thread that ends leaves no waiter behind, wherever it stopped. So
 * either the one sees the place or the other the waiter. As each of those who wait may give up at any time,
 * all threads are to be told, and all who wait try again.
 */

import { GaugeShare } from "./gauge_share.ts";

/** A word is a count, the number of the claim (so that whoever has an old one counts nothing for the next), … */
const COUNT = 2 ** 20 - 1;
const ONE_CLAIM = COUNT + 1;
const CLAIM = (2 ** 9 - 1) * ONE_CLAIM;
/** … and one of these, or, while the slot is free, neither. */
const CLAIMED = 1 << 30;
/** Nothing enters any more, and with the last that leaves the slot is free. */
const RELEASED = 1 << 29;

export interface GaugeTableSize {
  /** Gauges at the same time. */
  readonly slots: number;
  /** Threads in which connections enter. */
  readonly threads: number;
}

export class GaugeTable {
  readonly capacity: number;
  /** For the tables of other threads. */
  readonly memory: SharedArrayBuffer;
  readonly #words: GaugeWords;
  readonly #shares: readonly GaugeShare[];
  /** Where the search for a free slot begins. */
  #next = 0;

  /**
   * @param size A number is so many slots for one thread.
   * @param thread In which thread connections enter by this table, from 0. Only one may be it at a time; where nothing
   * enters, any will do.
   * @param memory That of a table of the same size in another thread, to share it.
   * @throws {RangeError} when the size makes no sense, the memory is not of it, or there is no such thread.
   */
  constructor(size: number | GaugeTableSize, thread = 0, memory?: SharedArrayBuffer) {
    const { slots, threads } = typeof size === "number" ? { slots: size, threads: 1 } : size;
    if (!Number.isInteger(slots) || slots < 1) {
      throw new RangeError(`Cannot make a table of ${slots} gauges: expected a whole number above 0`);
    }
    if (!Number.isInteger(thread) || thread < 0 || thread >= threads) {
      throw new RangeError(`Cannot count in thread ${thread}: there are ${threads}`);
    }
    const length = GaugeShare.words(slots);
    const bytes = (threads + 1) * length * Int32Array.BYTES_PER_ELEMENT;
    this.memory = memory ?? new SharedArrayBuffer(bytes);
    if (this.memory.byteLength !== bytes) {
      throw new RangeError(`Cannot keep gauges in ${this.memory.byteLength} bytes: expected ${bytes}`);
    }
    const shares = Array.from(
      { length: threads + 1 },
      (_, which) => new GaugeShare(this.memory, which * length, slots),
    );
    // The first is no thread's: its counts are those of all together.
    const [all, ...own] = shares;
    this.capacity = slots;
    this.#shares = own;
    this.#words = { all: all!, own: own[thread]!, shares: own };
  }

  /** Takes a free slot, until {@linkcode Gauge.release}; undefined when there is none. */
  claim(): Gauge | undefined {
    for (let tries = 0; tries < this.capacity; tries++) {
      const slot = this.#next;
      this.#next = (slot + 1) % this.capacity;
      const word = Atomics.load(this.#words.all.entered, slot);
      if ((word & (CLAIMED | RELEASED)) !== 0) continue;
      if (replace(this.#words.all.entered, slot, word, word | CLAIMED)) return new Gauge(this.#words, slot);
    }
    return undefined;
  }

  /**
   * The gauge in a slot that another thread has claimed and not released. Releasing it is left to that thread.
   *
   * @throws {RangeError} when the table has no such slot.
   */
  at(slot: number): Gauge {
    if (!Number.isInteger(slot) || slot < 0 || slot >= this.capacity) {
      throw new RangeError(`Cannot use gauge ${slot}: the table has ${this.capacity}`);
    }
    return new Gauge(this.#words, slot);
  }

  /**
   * Removes from every gauge what an ended thread had entered, and its waiters. That thread counts nothing
   * any more, even if it still runs: a thread that was told to end goes on to the end of its turn, and what
   * it is just doing comes after this, when the clock says so. So do it again before another thread takes
   * over its number.
   *
   * @returns the slots of gauges where places became free for which somebody waits: all threads are to be told.
   */
  settle(thread: number): number[] {
    const share = this.#shares[thread]!;
    const { entered } = this.#words.all;
    const wanted: number[] = [];
    share.end();
    for (let slot = 0; slot < this.capacity; slot++) {
      Atomics.store(share.waiting, slot, 0);
      const left = Atomics.exchange(share.entered, slot, 0);
      if (left === 0) continue;
      takeOut(entered, slot, left);
      if (isAwaited(this.#shares, slot)) wanted.push(slot);
    }
    return wanted;
  }
}

/** What a gauge counts in. */
interface GaugeWords {
  readonly all: GaugeShare;
  /** That of the thread. */
  readonly own: GaugeShare;
  /** The waiters of all threads. */
  readonly shares: readonly GaugeShare[];
}

export class Gauge {
  readonly slot: number;
  readonly #words: GaugeWords;
  /** What the word is beside its count, while the claim holds. */
  readonly #claim: number;

  /** Made by {@linkcode GaugeTable}. */
  constructor(words: GaugeWords, slot: number) {
    this.#words = words;
    this.slot = slot;
    this.#claim = Atomics.load(words.all.entered, slot) & CLAIM | CLAIMED;
  }

  /** In all threads. 0 once the slot was released and is empty. */
  get value(): number {
    const word = Atomics.load(this.#words.all.entered, this.slot);
    return ((word ^ this.#claim) & CLAIM) === 0 ? word & COUNT : 0;
  }

  /**
   * Counts one more, unless there are `limit` already (0: no limit but that of a word, 1 048 575), or the gauge was
   * released, or the thread counts as ended; tells whether it did.
   */
  enter(limit: number): boolean {
    const { all, own } = this.#words;
    if (!own.isLive) return false;
    const highest = limit > 0 && limit < COUNT ? limit : COUNT;
    for (;;) {
      const word = Atomics.load(all.entered, this.slot);
      if ((word & ~COUNT) !== this.#claim || (word & COUNT) >= highest) return false;
      if (replace(all.entered, this.slot, word, word + 1)) break;
    }
    Atomics.add(own.entered, this.slot, 1);
    return true;
  }

  /**
   * Counts one less, in the thread in which it entered. Changes nothing in a thread that counts as ended, as another
   * one has done it.
   *
   * @returns whether somebody waits for the place, in any thread: all are to be told.
   * @throws {RangeError} when nothing is left that entered in this thread.
   */
  leave(): boolean {
    const { all, own, shares } = this.#words;
    if (!own.isLive) return false;
    if (!takeOne(own.entered, this.slot)) {
      if (!own.isLive) return false;
      throw new RangeError(`Cannot leave gauge ${this.slot}: nothing is in it`);
    }
    takeOut(all.entered, this.slot, 1);
    return isAwaited(shares, this.slot);
  }

  /** Whether it is still what it was claimed for: it was not released. Nothing enters one that was. */
  get isClaimed(): boolean {
    return (Atomics.load(this.#words.all.entered, this.slot) & ~COUNT) === this.#claim;
  }

  /** Whether somebody waits, in any thread. */
  get isAwaited(): boolean {
    return isAwaited(this.#words.shares, this.slot);
  }

  /**
   * Tells those who leave that somebody waits for a place, until it is disposed of, in the same thread. To be called
   * before the attempt to {@linkcode enter} after whose failure one waits.
   */
  wait(): Disposable {
    const { own } = this.#words;
    if (!own.isLive) return { [Symbol.dispose]() {} };
    Atomics.add(own.waiting, this.slot, 1);
    let waits = true;
    return {
      [Symbol.dispose]: () => {
        if (waits && own.isLive) takeOne(own.waiting, this.slot);
        waits = false;
      },
    };
  }

  /** Gives the slot back, at once or when the last that entered has left. Doing so again changes nothing. */
  release(): void {
    const words = this.#words.all.entered;
    for (;;) {
      const word = Atomics.load(words, this.slot);
      if ((word & ~COUNT) !== this.#claim) return;
      if (replace(words, this.slot, word, freeWhenEmpty(word ^ (CLAIMED | RELEASED)))) return;
    }
  }
}

/** A plain loop, because every connection calls this a few times. */
function isAwaited(shares: readonly GaugeShare[], slot: number): boolean {
  for (const { waiting } of shares) if (Atomics.load(waiting, slot) > 0) return true;
  return false;
}

/** Takes what has left out of the word of a slot. */
function takeOut(words: Int32Array, slot: number, left: number): void {
  for (;;) {
    const word = Atomics.load(words, slot);
    if (replace(words, slot, word, freeWhenEmpty(word - left))) return;
  }
}

/** Takes one out of a share; false when nothing is in it. */
function takeOne(share: Int32Array, slot: number): boolean {
  if (Atomics.sub(share, slot, 1) > 0) return true;
  Atomics.add(share, slot, 1);
  return false;
}

function freeWhenEmpty(word: number): number {
  const isFree = (word & RELEASED) !== 0 && (word & COUNT) === 0;
  return isFree ? (word + ONE_CLAIM) & CLAIM : word;
}

function replace(words: Int32Array, slot: number, before: number, after: number): boolean {
  return Atomics.compareExchange(words, slot, before, after) === before;
}
