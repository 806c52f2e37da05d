/** The connections open in one thread: found by their numbers, listed by what they are. */

import type { ConnectionRecord } from "./connection_record.ts";

/** Numbers of threads begin this far apart; 2 ** 13 threads have room, so that all numbers are exact. */
const IDS_OF_A_THREAD = 2 ** 40;

export class OpenConnections {
  /**
   * Each has a place, which goes to another one later. Not a `Map`: the tables that it leaves behind keep what was in
   * them alive for long after (see `net/linked_list.ts`).
   */
  readonly #places: (ConnectionRecord | undefined)[] = [];
  readonly #free: number[] = [];
  #lastId: number;

  /** @param thread From 0. */
  constructor(thread = 0) {
    this.#lastId = thread * IDS_OF_A_THREAD;
  }

  /** A number for the next connection. No other one in the process has had it. */
  nextId(): number {
    return this.#lastId += 1;
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
