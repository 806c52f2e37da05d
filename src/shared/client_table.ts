/**
 * The open connections and the rate of each client of a service, shared by all threads that have the table's memory.
 *
 * One lock guards the table, held for less than a microsecond at a time, so that a count never exceeds its limit, not
 * even for a moment. If a thread dies with the lock, {@linkcode SharedLock} lets the others continue, and they find the
 * entries right: every write leaves them so, and a connection uses its share of the rate before it is counted. At
 * worst, that share is lost. The counts of a dead worker stay until {@linkcode ClientTable.reclaimWorker}.
 */

import type { RateConfig } from "../config/config.ts";
import { ClientEntries, type ClientEntriesPlace, type TableKey } from "./client_entries.ts";

export interface ClientLimits {
  /** The most open connections; 0 is no limit. */
  readonly connections: number;
  /** The rate of new connections; undefined is no limit. */
  readonly rate: RateConfig | undefined;
}

/** `table_full`: the table has no room for another client, so this one is refused. */
export type Admission = "ok" | "too_many" | "too_fast" | "table_full";

/** The number of places to reclaim before the lock is released. */
const SLICE = 256;

export class ClientTable {
  readonly #entries: ClientEntries;
  readonly #connections: number;

  /**
   * @param clients Each takes 48 bytes, and 16 more for one or two threads, and so on.
   * @param limits The limits per client. During a reload, threads may have different ones for a moment.
   */
  constructor(
    clients: number,
    { connections, rate }: ClientLimits,
    place?: ClientEntriesPlace,
  ) {
    this.#connections = connections || Infinity;
    this.#entries = new ClientEntries(clients, rate, place);
  }

  /** For the tables of other threads. */
  get memory(): SharedArrayBuffer {
    return this.#entries.memory;
  }

  /**
   * Counts a connection of a client, unless it would exceed a limit. After `ok`, call {@linkcode leave} in the same
   * thread; any other answer has changed nothing. A worker whose epoch has ended finds the table full.
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
   * Counts the end of a client's connection. Changes nothing once the worker's epoch has ended: the supervisor has
   * reclaimed its connections.
   *
   * @throws {RangeError} when the client has none open in this thread.
   */
  leave(client: TableKey): void {
    this.#leave(client, false);
  }

  /** Does the same for a connection that was refused later; it does not count for the client's rate. */
  refund(client: TableKey): void {
    this.#leave(client, true);
  }

  #leave(client: TableKey, isRefund: boolean): void {
    const entries = this.#entries;
    const holding = entries.lock.acquire();
    try {
      if (!entries.isCurrent) return;
      const entry = entries.find(client);
      const open = entry === undefined ? 0 : entries.own(entry);
      if (entry === undefined || open === 0) {
        throw new RangeError("Cannot count a connection less: the client has none open");
      }
      if (isRefund && entries.rate !== undefined) {
        entries.setDue(entry, entries.rate.previous(entries.due(entry, entries.rate.time)));
      }
      entries.setOwn(entry, open - 1);
    } finally {
      entries.lock.release(holding);
    }
  }

  /** Removes the connections of a dead worker from all clients. Its epoch must have ended. */
  reclaimWorker(thread: number): void {
    const { lock, places } = this.#entries;
    // In slices, so that other threads get the lock in between.
    for (let from = 0; from < places; from += SLICE) {
      const holding = lock.acquire();
      try {
        this.#entries.forget(thread, from, from + SLICE);
      } finally {
        lock.release(holding);
      }
    }
  }

  #enter(client: TableKey): Admission {
    const entries = this.#entries;
    if (!entries.isCurrent) return "table_full";
    const { rate } = entries;
    const time = rate?.time ?? 0;
    const known = entries.find(client);
    const entry = known ?? entries.findFree(client, time);
    if (entry === undefined) return "table_full";
    const open = entries.open(entry);
    if (open >= this.#connections) return "too_many";
    const due = entries.due(entry, time);
    if (rate?.allows(due, time) === false) return "too_fast";
    if (known === undefined) entries.assign(entry, client);
    if (rate !== undefined) entries.setDue(entry, rate.next(due, time));
    entries.setOwn(entry, entries.own(entry) + 1);
    return "ok";
  }
}
