/** Ends some of the open connections of one thread: those that have been idle for longest, then the oldest. */

import type { ConnectionRecord, EndCode, Relayed } from "../../observe/counters/ledger.ts";
import type { OpenConnections } from "../../observe/counters/open_connections.ts";

/** Which open connections may end. */
export interface EndingQuery {
  /** The endpoint that they are connected to; undefined for all endpoints of all groups. */
  readonly of: { readonly group: string; readonly endpoint: string } | undefined;
  /** Milliseconds since they were accepted, at least. */
  readonly age: number;
  /** Milliseconds without a byte in either direction, at least. */
  readonly idle: number;
  /** How many connections to find. */
  readonly limit: number;
}

/** A connection that may end. */
export interface EndingCandidate {
  readonly id: number;
  /** In tenths of a second: threads look at their connections at slightly different times. */
  readonly idle: number;
  /** In milliseconds. */
  readonly age: number;
}

/** What was last seen of a connection, and since when it has been like that. */
interface Sight {
  readonly activity: number;
  readonly since: number;
}

/**
 * It finds out how long a connection has been idle by looking at it twice, so that relaying bytes costs nothing: a
 * connection is idle since the first of the calls between which no byte came. No call, no cost.
 */
export class ConnectionEnder {
  readonly #connections: OpenConnections;
  readonly #sights = new WeakMap<ConnectionRecord, Sight>();

  constructor(connections: OpenConnections) {
    this.#connections = connections;
  }

  /** The connections that may end, in the order of {@linkcode inOrder}. */
  find({ of, age, idle, limit }: EndingQuery): EndingCandidate[] {
    const now = performance.now();
    const found: EndingCandidate[] = [];
    for (const record of this.#connections.all()) {
      const { relay, upstream, endpoint } = record;
      if (relay === undefined || of !== undefined && (upstream !== of.group || endpoint !== of.endpoint)) {
        continue;
      }
      const idleFor = this.#idleFor(record, relay, now);
      if (idleFor < idle || record.age < age) continue;
      found.push({ id: record.id, idle: Math.round(idleFor / 100), age: record.age });
    }
    return found.sort(inOrder).slice(0, limit);
  }

  /** Ends connections, but only those that are still idle for long enough; returns how many. */
  end(ids: readonly number[], code: EndCode, idle: number): number {
    const now = performance.now();
    const wanted = new Set(ids);
    let ended = 0;
    for (const record of this.#connections.all()) {
      const { relay } = record;
      if (relay === undefined || !wanted.has(record.id)) continue;
      if (idle > 0 && this.#idleFor(record, relay, now) < idle) continue;
      relay.close(code);
      ended += 1;
    }
    return ended;
  }

  #idleFor(record: ConnectionRecord, { activity, isBusy }: Relayed, now: number): number {
    const seen = this.#sights.get(record);
    if (seen?.activity === activity && !isBusy) return now - seen.since;
    this.#sights.set(record, { activity, since: now });
    return 0;
  }
}

/** The order in which connections end: the longest idle first, then the oldest. */
export function inOrder(a: EndingCandidate, b: EndingCandidate): number {
  return b.idle - a.idle || b.age - a.age || a.id - b.id;
}
