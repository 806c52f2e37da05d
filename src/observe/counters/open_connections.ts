/** The connections open in one thread: found by their numbers, listed by what they are. */

import type { ConnectionRecord } from "./connection_record.ts";

/** Which thread connections are open in, and what numbers were given so far. */
export interface ConnectionNumbers {
  /** From 0, of so many. */
  readonly thread: number;
  readonly threads: number;
  /** How many connections each thread has had: a thread that is started again goes on where the one before it was. */
  readonly memory: SharedArrayBuffer;
}

/** Memory for the numbers of so many threads. */
export function newConnectionNumbers(threads: number): SharedArrayBuffer {
  return new SharedArrayBuffer(threads * Float64Array.BYTES_PER_ELEMENT);
}

export class OpenConnections {
  /**
   * Each has a place, which goes to another one later. Not a `Map`: the tables that it leaves behind keep what was in
   * them alive for long after (see `net/linked_list.ts`).
   */
  readonly #places: (ConnectionRecord | undefined)[] = [];
  readonly #free: number[] = [];
  readonly #thread: number;
  readonly #threads: number;
  readonly #counts: Float64Array;

  constructor(numbers: ConnectionNumbers = { thread: 0, threads: 1, memory: newConnectionNumbers(1) }) {
    this.#thread = numbers.thread;
    this.#threads = numbers.threads;
    this.#counts = new Float64Array(numbers.memory);
  }

  /**
   * A number for the next connection. No other one in the process has had it: threads take turns, so that numbers
   * stay short for people, and each has its own without asking the others.
   */
  nextId(): number {
    const count = this.#counts[this.#thread]!;
    this.#counts[this.#thread] = count + 1;
    return count * this.#threads + this.#thread + 1;
  }

  add(record: ConnectionRecord): void {
    record.place = this.#free.pop() ?? this.#places.length;
    this.#places[record.place] = record;
  }

  /** Tells whether the record was there. */
  delete(record: ConnectionRecord): boolean {
    if (this.#places[record.place] !== record) return false;
    this.#places[record.place] = undefined;
    this.#free.push(record.place);
    return true;
  }

  find(id: number): ConnectionRecord | undefined {
    return this.#places.find((record) => record?.id === id);
  }

  get size(): number {
    return this.#places.length - this.#free.length;
  }

  /** In the order in which they were accepted. */
  all(): ConnectionRecord[] {
    return this.#places.filter((record) => record !== undefined).sort((a, b) => a.id - b.id);
  }
}
