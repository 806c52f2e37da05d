/** How many clients of source_hash get another endpoint when one comes or goes. */

import { MaglevTable, type Member } from "../../src/upstream/balance/maglev.ts";
import { endpointsOf } from "./fleet.ts";

/** Shares of all clients, from 0 to 1. */
export interface Moves {
  readonly endpoints: number;
  /** What a perfect hash would move: the clients of the endpoint that goes. */
  readonly least: number;
  /** Clients that move when an endpoint is removed from the list. */
  readonly removed: number;
  /** The same when one is added. */
  readonly added: number;
  /** Clients that move when an endpoint is down or drains, but stays in the list. */
  readonly down: number;
  /** The share of the endpoint with the most clients, as a multiple of the fair share. */
  readonly largest: number;
}

/** @param trials How many endpoints are removed, one after the other, for the average. */
export function movesOf(count: number, trials: number): Moves {
  const all = endpointsOf(count + 1);
  const before = all.slice(0, count);
  const table = new MaglevTable(before);
  const owned = new Array<number>(count).fill(0);
  for (const slot of table.slots) owned[slot]! += 1;
  const size = table.slots.length;
  let removed = 0;
  let down = 0;
  for (let trial = 0; trial < trials; trial++) {
    const gone = Math.floor(trial * count / trials);
    removed += changed(table, before, before.filter(({ id }) => id !== gone));
    // Clients of other endpoints find theirs allowed as before.
    down += owned[gone]! / size;
  }
  return {
    endpoints: count,
    least: 1 / count,
    removed: removed / trials,
    added: changed(table, before, all),
    down: down / trials,
    largest: Math.max(...owned) / (size / count),
  };
}

/** The shares of clients that move when some endpoints are removed in one step, and one after the other. */
export function removalsOf(count: number, gone: number): { together: number; inTurn: number } {
  const all = endpointsOf(count);
  const lists = Array.from({ length: gone + 1 }, (_, removed) => all.slice(removed));
  const table = new MaglevTable(all);
  let inTurn = 0;
  for (let removed = 0; removed < gone; removed++) {
    inTurn += changed(new MaglevTable(lists[removed]!), lists[removed]!, lists[removed + 1]!);
  }
  return { together: changed(table, all, lists[gone]!), inTurn };
}

/** A client has a slot by its hash, so the share of slots is the share of clients. */
function changed(table: MaglevTable, before: readonly Member[], after: readonly Member[]): number {
  const next = new MaglevTable(after);
  let count = 0;
  for (const [slot, index] of table.slots.entries()) {
    if (before[index]!.key !== after[next.slots[slot]!]!.key) count += 1;
  }
  return count / table.slots.length;
}
