/**
 * Counts of open connections, shared by all threads that have the table's memory.
 *
 * Each slot of the table is one word with its whole state, which changes in one compare-exchange. So a count never
 * passes its limit, not even for a moment, and a slot is never freed while it is occupied. Beside it, each thread
 * keeps its share of the count, which the supervisor takes out when the thread dies. A thread enters the count before
 * its share, and leaves in reverse order, so that the count is never too low, wherever the thread stops.
 *
 * To wait for a place that any thread may leave, and miss none: first `wait()`, then `enter()` once more, and
 * only if that fails wait for a wake-up, which a message brings in a later turn of the event loop. A thread that leaves
 * lowers the count first, and then checks for waiters. Waiters are counted only in the shares of threads, and
 * a check reads all shares, so that a dead thread leaves no waiter behind, wherever it stopped. So
 * either the waiter sees the place or the thread that leaves sees the waiter. Any waiter may give up at any time: a wake-up goes to
 * all threads, and all waiters try again.
 */

import { WorkerEpoch } from "./worker_epoch.ts";

/** A word is a count, the number of the claim (so that an old claim counts nothing for the next one), … */
const COUNT = 2 ** 20 - 1;
const ONE_CLAIM = COUNT + 1;
const CLAIM = (2 ** 9 - 1) * ONE_CLAIM;
/** … and one of these, or, while the slot is free, neither. */
const CLAIMED = 1 << 30;
/** Nothing enters any more, and the slot is free when it is empty. */
const RELEASED = 1 << 29;
/** Shares begin at cache lines of their own, so that threads do not contend for them. */
const WORDS_PER_LINE = 64 / Int32Array.BYTES_PER_ELEMENT;

/** The part of the table that one thread writes, or that of all threads together, by slot. */
interface GaugeShare {
  /** How many have entered and not left. */
  readonly entered: Int32Array<SharedArrayBuffer>;
  /** How many wait for a place. */
  readonly waiting: Int32Array<SharedArrayBuffer>;
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
   * @param slots Gauges at the same time.
   * @param epoch That of the thread in which connections enter by this table.
   * @param memory The memory of a table of the same size in another thread, to share it.
   * @throws {RangeError} when the number of slots is invalid, or the memory has another size.
   */
  constructor(slots: number, epoch: WorkerEpoch = new WorkerEpoch(), memory?: SharedArrayBuffer) {
    if (!Number.isInteger(slots) || slots < 1) {
      throw new RangeError(`Cannot make a table of ${slots} gauges: expected a whole number above 0`);
    }
    const length = Math.ceil(2 * slots / WORDS_PER_LINE) * WORDS_PER_LINE;
    const bytes = (epoch.threads + 1) * length * Int32Array.BYTES_PER_ELEMENT;
    this.memory = memory ?? new SharedArrayBuffer(bytes);
    if (this.memory.byteLength !== bytes) {
      throw new RangeError(`Cannot keep gauges in ${this.memory.byteLength} bytes: expected ${bytes}`);
    }
    const words = new Int32Array(this.memory);
    const shareAt = (at: number): GaugeShare => ({
      entered: words.subarray(at, at + slots),
      waiting: words.subarray(at + slots, at + 2 * slots),
    });
    const shares = Array.from({ length: epoch.threads }, (_, thread) => shareAt((1 + thread) * length));
    this.capacity = slots;
    this.#shares = shares;
    this.#words = { all: shareAt(0), own: shares[epoch.thread]!, shares, epoch };
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
   * The gauge in a slot that another thread has claimed. Only that thread may release it.
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
   * Takes out of every gauge what a dead worker had entered, and its waiters. Its epoch must have ended.
   *
   * @returns the slots of gauges whose waiters are to be woken, in all threads.
   */
  reclaimWorker(thread: number): number[] {
    const share = this.#shares[thread]!;
    const { entered } = this.#words.all;
    const wanted: number[] = [];
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

interface GaugeWords {
  /** The counts of all threads together; their waiters are only in the shares. */
  readonly all: GaugeShare;
  readonly own: GaugeShare;
  readonly shares: readonly GaugeShare[];
  readonly epoch: WorkerEpoch;
}

export class Gauge {
  readonly slot: number;
  readonly #words: GaugeWords;
  /** The word without its count, while the claim holds. */
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
   * released, or the worker's epoch has ended; returns whether it did.
   */
  enter(limit: number): boolean {
    const { all, own, epoch } = this.#words;
    if (!epoch.isCurrent) return false;
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
   * Counts one less, in the thread in which it entered. Changes nothing once the worker's epoch has ended: the
   * supervisor has reclaimed its counts.
   *
   * @returns whether any thread has a waiter for the place: all are to be woken.
   * @throws {RangeError} when nothing is left that entered in this thread.
   */
  leave(): boolean {
    const { all, own, shares, epoch } = this.#words;
    if (!epoch.isCurrent) return false;
    if (!takeOne(own.entered, this.slot)) {
      if (!epoch.isCurrent) return false;
      throw new RangeError(`Cannot leave gauge ${this.slot}: nothing is in it`);
    }
    takeOut(all.entered, this.slot, 1);
    return isAwaited(shares, this.slot);
  }

  /** False once it was released; nothing enters it then. */
  get isClaimed(): boolean {
    return (Atomics.load(this.#words.all.entered, this.slot) & ~COUNT) === this.#claim;
  }

  /** Whether any thread has a waiter. */
  get isAwaited(): boolean {
    return isAwaited(this.#words.shares, this.slot);
  }

  /**
   * Counts a waiter for a place, until it is disposed of in the same thread. Call it before the last attempt to
   * {@linkcode enter}.
   */
  wait(): Disposable {
    const { own, epoch } = this.#words;
    if (!epoch.isCurrent) return { [Symbol.dispose]() {} };
    Atomics.add(own.waiting, this.slot, 1);
    let waits = true;
    return {
      [Symbol.dispose]: () => {
        if (waits && epoch.isCurrent) takeOne(own.waiting, this.slot);
        waits = false;
      },
    };
  }

  /** Frees the slot, at once or when it is empty. A second call changes nothing. */
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

/** Takes `left` out of the count of a slot. */
function takeOut(words: Int32Array, slot: number, left: number): void {
  for (;;) {
    const word = Atomics.load(words, slot);
    if (replace(words, slot, word, freeWhenEmpty(word - left))) return;
  }
}

/** Takes one out of a share; false when it is empty. */
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
