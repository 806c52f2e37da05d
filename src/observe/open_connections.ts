/** The connections open in one thread: found by their numbers, listed by what they are. */

import type { ConnectionRecord } from "./connection_record.ts";

/** Numbers of threads begin this far apart; 2 ** 13 threads have room, so that all numbers are exact. */
const IDS_OF_A_THREAD = 2 ** 40;

export class OpenConnections {
  readonly #records = new Map<number, ConnectionRecord>();
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
    this.#records.set(record.id, record);
  }

  /** Tells whether the record was there. */
  delete(record: ConnectionRecord): boolean {
    return this.#records.delete(record.id);
  }

  find(id: number): ConnectionRecord | undefined {
    return this.#records.get(id);
  }

  get size(): number {
    return this.#records.size;
  }

  /** In the order in which they were accepted. */
  all(): ConnectionRecord[] {
    return [...this.#records.values()];
  }
}
