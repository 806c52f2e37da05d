/**
 * Counts of open connections, shared by all threads that have the table's memory.
 *
 * One word holds the whole state of a slot, and one compare-exchange changes it. So a count never exceeds its limit,
 * not even for a moment, and a slot is never freed while it is in use. In addition, each thread keeps its share of the
 * count, which the supervisor subtracts when the thread dies. A thread increments the count before its share, and
 * decrements them in reverse order, so that the count is never too low, wherever the thread stops.
 *
 * To wait for a place that any thread may free, and miss none: call `wait()`, then `enter()` once more, and only if
 * that fails wait for a wake-up, which a message brings in a later turn of the event loop. A thread that leaves lowers
 * the count first, and then checks for waiters. So either the waiter sees the place, or the thread that leaves sees the
 * waiter. Waiters are counted only in the shares of threads, and a check reads all shares, so that a dead thread leaves
 * no waiter behind, wherever it stopped. A waiter may leave at any time: a wake-up goes to all threads, and all
 * waiters try again.
 */

import { WorkerEpoch } from "./worker_epoch.ts";

/** A word has a count, the number of the claim (an old claim must not count for the next one), and a state. */
const COUNT = 2 ** 20 - 1;
const ONE_CLAIM = COUNT + 1;
const CLAIM = (2 ** 9 - 1) * ONE_CLAIM;
/** The state of a slot in use; a free slot has neither this nor the next one. */
const CLAIMED = 1 << 30;
/** The state of a released slot: nothing enters any more, and it becomes free when it is empty. */
const RELEASED = 1 << 29;
/** Each share begins at a new cache line, so that threads do not contend for it. */
const WORDS_PER_LINE = 64 / Int32Array.BYTES_PER_ELEMENT;

/** The counts of one thread, or of all threads together, by slot. */
interface GaugeShare {
  /** How many have entered but not left. */
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
  /** The slot at which the search for a free one begins. */
  #next = 0;

  /**
   * @param slots The number of gauges at the same time.
   * @param epoch The epoch of the thread whose connections enter through this table.
   * @param memory The memory of a table of the same size in another thread, to share it.
   */
  constructor(slots: number, epoch: WorkerEpoch = new WorkerEpoch(), memory?: SharedArrayBuffer) {
    const length = Math.ceil(2 * slots / WORDS_PER_LINE) * WORDS_PER_LINE;
    const bytes = (epoch.threads + 1) * length * Int32Array.BYTES_PER_ELEMENT;
    this.memory = memory ?? new SharedArrayBuffer(bytes);
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

  /** The gauge in a slot that another thread has claimed. Only that thread may release it. */
  at(slot: number): Gauge {
    return new Gauge(this.#words, slot);
  }

  /**
   * Removes the entries and waiters of a dead worker from every gauge. Its epoch must have ended.
   *
   * @returns the slots of gauges whose waiters must be woken, in all threads.
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
  /** The counts of all threads together; it has no waiters, which are only in the shares. */
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

  /** The count of all threads; 0 once the slot was released and is empty. */
  get value(): number {
    const word = Atomics.load(this.#words.all.entered, this.slot);
    return ((word ^ this.#claim) & CLAIM) === 0 ? word & COUNT : 0;
  }

  /**
   * Counts one more, and returns true. Returns false at the `limit` (0: no limit but that of a word, 1 048 575), after
   * the release of the gauge, or after the end of the worker's epoch.
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
   * @returns whether any thread has a waiter for the place: then wake all.
   * @throws {RangeError} when nothing that entered in this thread is left.
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

  /** False after its release: then nothing enters it any more. */
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

  /** Frees the slot, now or when it becomes empty. A second call changes nothing. */
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

/** Subtracts `left` from the count of a slot. */
function takeOut(words: Int32Array, slot: number, left: number): void {
  for (;;) {
    const word = Atomics.load(words, slot);
    if (replace(words, slot, word, freeWhenEmpty(word - left))) return;
  }
}

/** Subtracts one from a share; false when it is empty. */
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
