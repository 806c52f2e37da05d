/** The connections open in one thread: found by their numbers, listed by what they are. */

import type { ConnectionRecord } from "./connection_record.ts";

/**
 * Numbers are below 2 ** 53, and so exact. They tell, from the highest digit on: the thread, one of 256; which one it
 * is that has its number, of 512; and which of its connections, of 2 ** 36, which is 10 000 a second for 79 days.
 * A thread that lives longer goes on with the numbers of those after it, which begin anew after the 512th: a number
 * can come again only where one has had that many connections, or 512 have ended.
 */
const THREADS = 2 ** 8;
const INCARNATIONS = 2 ** 9;
const CONNECTIONS = 2 ** 36;

export class OpenConnections {
  readonly #records = new Map<number, ConnectionRecord>();
  #lastId: number;

  /**
   * @param thread From 0 to 255.
   * @param incarnation How many had this number of a thread before.
   * @throws {RangeError} when there cannot be such a thread.
   */
  constructor(thread = 0, incarnation = 0) {
    if (!Number.isInteger(thread) || thread < 0 || thread >= THREADS) {
      throw new RangeError(`Cannot number connections of thread ${thread}: expected 0-${THREADS - 1}`);
    }
    if (!Number.isSafeInteger(incarnation) || incarnation < 0) {
      throw new RangeError(
        `Cannot number connections of incarnation ${incarnation}: expected a whole number`,
      );
    }
    this.#lastId = (thread * INCARNATIONS + incarnation % INCARNATIONS) * CONNECTIONS;
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
