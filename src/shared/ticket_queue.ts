/**
 * The queue of those that wait in several threads for the same thing: first come, first served.
 *
 * Each waiter draws a ticket from a count that all threads share. A thread keeps its own waiters in the order of their
 * tickets, and publishes the ticket of the first. So the first of all is the one with the lowest published ticket, and
 * finding that out takes one read for each thread, however many wait. Only a thread writes what it publishes, and the
 * supervisor erases what a dead one has published.
 *
 * Call {@linkcode TicketQueue.publish} before the last attempt to get what is waited for: then either that attempt
 * succeeds, or the thread that frees it later finds the waiter.
 */

import { WorkerEpoch } from "./worker_epoch.ts";

/** A thread has no waiter. No waiter has this ticket. */
const NONE = 0;

export class TicketTable {
  /** For the tables of other threads. */
  readonly memory: SharedArrayBuffer;
  readonly #words: TicketWords;

  /**
   * @param slots The number of queues.
   * @param epoch The epoch of the thread whose waiters this table counts.
   * @param memory The memory of a table of the same size in another thread, to share it.
   */
  constructor(slots: number, epoch: WorkerEpoch = new WorkerEpoch(), memory?: SharedArrayBuffer) {
    const { threads } = epoch;
    const bytes = slots * (1 + threads) * Int32Array.BYTES_PER_ELEMENT;
    this.memory = memory ?? new SharedArrayBuffer(bytes);
    const words = new Int32Array(this.memory);
    const of = (which: number) => words.subarray(which * slots, (which + 1) * slots);
    this.#words = {
      drawn: of(0),
      first: Array.from({ length: threads }, (_, thread) => of(1 + thread)),
      epoch,
    };
  }

  /** The queue of a slot. */
  at(slot: number): TicketQueue {
    return new TicketQueue(this.#words, slot);
  }

  /** Forgets all waiters of a slot, before its next use. */
  clear(slot: number): void {
    for (const first of this.#words.first) Atomics.store(first, slot, NONE);
  }

  /** Forgets the waiters of a dead worker. Its epoch must have ended. Afterwards, wake the others. */
  reclaimWorker(thread: number): void {
    const first = this.#words.first[thread]!;
    for (let slot = 0; slot < first.length; slot++) Atomics.store(first, slot, NONE);
  }
}

interface TicketWords {
  /** The last ticket that was drawn. */
  readonly drawn: Int32Array<SharedArrayBuffer>;
  /** By thread: the ticket of its first waiter. */
  readonly first: readonly Int32Array<SharedArrayBuffer>[];
  readonly epoch: WorkerEpoch;
}

export class TicketQueue {
  readonly #words: TicketWords;
  readonly #slot: number;

  /** Made by {@linkcode TicketTable}. */
  constructor(words: TicketWords, slot: number) {
    this.#words = words;
    this.#slot = slot;
  }

  /** Draws the next ticket, which is later than all before. */
  draw(): number {
    for (;;) {
      const ticket = (Atomics.add(this.#words.drawn, this.#slot, 1) + 1) | 0;
      if (ticket !== NONE) return ticket;
    }
  }

  /** Publishes the ticket of this thread's first waiter; undefined when it has none. */
  publish(ticket: number | undefined): void {
    const { first, epoch } = this.#words;
    if (!epoch.isCurrent) return;
    const own = first[epoch.thread]!;
    Atomics.store(own, this.#slot, ticket ?? NONE);
    // A worker that dies between the two must not leave a ticket behind, at which all others would wait.
    if (ticket !== undefined && !epoch.isCurrent) Atomics.compareExchange(own, this.#slot, ticket, NONE);
  }

  /** Whether any thread has a waiter. */
  get isAwaited(): boolean {
    for (const first of this.#words.first) if (Atomics.load(first, this.#slot) !== NONE) return true;
    return false;
  }

  /** Whether it is the turn of this ticket: no thread has published an earlier one. */
  isFirst(ticket: number): boolean {
    for (const first of this.#words.first) {
      const other = Atomics.load(first, this.#slot);
      // Tickets wrap around at 2^32.
      if (other !== NONE && ((other - ticket) | 0) < 0) return false;
    }
    return true;
  }
}
