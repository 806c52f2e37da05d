/**
 * What each client of a service has open and how fast it comes, shared by all threads that have the table's memory.
 *
 * One lock guards the table, for less than a microsecond at a time: whoever holds it is alone with all entries, so
 * that a count never passes its limit, not even for a moment. Should a thread die while it holds the lock,
 * {@linkcode SharedLock} lets the others go on, and they find the entries right: no write leaves them wrong, and a
 * connection spends its share of the rate before it is counted. At worst that share is lost.
 */

import type { RateConfig } from "../config/config.ts";
import { CellRate } from "./cell_rate.ts";
import { ClientEntries, type TableKey } from "./client_entries.ts";

export interface ClientLimits {
  /** Open at the same time; 0 is no limit. */
  readonly connections: number;
  /** How fast connections come in; undefined is no limit. */
  readonly rate: RateConfig | undefined;
}

/** `table_full`: no more clients can be counted, so this one must be refused. */
export type Admission = "ok" | "too_many" | "too_fast" | "table_full";

export class ClientTable {
  readonly #entries: ClientEntries;
  readonly #connections: number;
  readonly #rate: CellRate | undefined;

  /**
   * @param memory For how many clients to make it, with 48 bytes for each, or the {@linkcode buffer} of a table made
   * elsewhere, to share it. There may be more clients, until one finds no place.
   * @param limits Of each client; the same for all that share the table.
   * @param now Milliseconds since 1970, the same in all threads.
   * @throws {RangeError} when the memory or a limit makes no sense.
   */
  constructor(memory: number | SharedArrayBuffer, limits: ClientLimits, now: () => number = Date.now) {
    const { connections, rate } = limits;
    if (!Number.isSafeInteger(connections) || connections < 0) {
      throw new RangeError(`Cannot limit clients to ${connections} connections: expected a whole number`);
    }
    this.#connections = connections || Infinity;
    this.#rate = rate && new CellRate(rate, now);
    this.#entries = new ClientEntries(memory, this.#rate);
  }

  /** The memory, for other threads to make tables of. */
  get buffer(): SharedArrayBuffer {
    return this.#entries.buffer;
  }

  /**
   * Counts a connection of a client, unless that would break a limit. After `ok`, {@linkcode leave} must follow; any
   * other answer has changed nothing.
   */
  enter(client: TableKey): Admission {
    const { lock } = this.#entries;
    const holding = lock.acquire();
    try {
      return this.#enter(client);
    } finally {
      lock.release(holding);
    }
  }

  /**
   * Counts one connection of a client less.
   *
   * Those of a thread that was terminated stay counted, as an entry does not tell threads apart. To take them off, each
   * thread's share of each client has to be kept in shared memory too, for another thread to leave in its place.
   *
   * @throws {RangeError} when none of it is open.
   */
  leave(client: TableKey): void {
    const { lock } = this.#entries;
    const holding = lock.acquire();
    try {
      const entry = this.#entries.find(client);
      const open = entry === undefined ? 0 : this.#entries.open(entry);
      if (entry === undefined || open === 0) {
        throw new RangeError("Cannot count a connection less: the client has none open");
      }
      this.#entries.setOpen(entry, open - 1);
    } finally {
      lock.release(holding);
    }
  }

  #enter(client: TableKey): Admission {
    const entries = this.#entries;
    const time = this.#rate?.time ?? 0;
    const known = entries.find(client);
    const entry = known ?? entries.findFree(client, time);
    if (entry === undefined) return "table_full";
    const open = entries.open(entry);
    if (open >= this.#connections) return "too_many";
    const due = entries.due(entry, time);
    if (this.#rate?.allows(due, time) === false) return "too_fast";
    if (known === undefined) entries.assign(entry, client);
    if (this.#rate !== undefined) entries.setDue(entry, this.#rate.next(due, time));
    entries.setOpen(entry, open + 1);
    return "ok";
  }
}
