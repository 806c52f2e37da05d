/** The open connections of one thread. */

import type { ConnectionRecord } from "./connection_record.ts";

/** What the ids of a thread's connections are made from. */
export interface ConnectionNumbers {
  /** From 0. */
  readonly thread: number;
  readonly threads: number;
  /** The count of connections of each thread; a restarted thread continues with it. */
  readonly memory: SharedArrayBuffer;
}

/** Memory for {@linkcode ConnectionNumbers}. */
export function newConnectionNumbers(threads: number): SharedArrayBuffer {
  return new SharedArrayBuffer(threads * Float64Array.BYTES_PER_ELEMENT);
}

export class OpenConnections {
  /**
   * By their places, which are reused. Not a `Map`: the tables that it replaces as it grows keep old entries alive for
   * long (see `net/linked_list.ts`).
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
   * An id that is unique in the process. Thread 0 of 3 uses 1, 4, 7, …, thread 1 uses 2, 5, 8, …: ids stay short, and
   * threads need not agree on them.
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

  /** False if the record is not there. */
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

  /** In the order of acceptance. */
  all(): ConnectionRecord[] {
    return this.#places.filter((record) => record !== undefined).sort((a, b) => a.id - b.id);
  }
}
