/** Ends some of the open connections of all threads, at a pace. Decided in one place, carried out by each thread. */

import { sleep } from "../../net/timers/sleep.ts";
import type { EndCode } from "../../observe/counters/ledger.ts";
import { type EndingCandidate, type EndingQuery, inOrder } from "./connection_ender.ts";

/** Calls to all threads. */
export interface EndingCalls {
  /** Connections that may end, in each thread. */
  endable(query: EndingQuery): Promise<readonly EndingCandidate[][]>;
  /** Ends connections if they are still idle for `idle` milliseconds; returns how many, in each thread. */
  endConnections(ids: readonly number[], code: EndCode, idle: number): Promise<readonly number[]>;
}

/**
 * Ends up to `query.limit` connections of all threads together, and none any more once `signal` has aborted; returns
 * how many it has ended.
 */
export async function endSome(
  calls: EndingCalls,
  query: EndingQuery,
  code: EndCode,
  signal: AbortSignal,
): Promise<number> {
  const found = (await calls.endable(query)).flat().sort(inOrder).slice(0, query.limit);
  if (found.length === 0 || signal.aborted) return 0;
  const ended = await calls.endConnections(found.map(({ id }) => id), code, query.idle);
  return ended.reduce((sum, count) => sum + count, 0);
}

/** An endpoint whose connections end. */
export interface EmptiedEndpoint {
  readonly key: string;
  /** Its clients in all threads. */
  readonly active: number;
}

export interface EmptyingOptions {
  readonly group: string;
  readonly endpoints: readonly EmptiedEndpoint[];
  readonly code: EndCode;
  /** Milliseconds over which connections end evenly; 0 ends them at once. */
  readonly spread: number;
  /** Milliseconds for which it then also ends those that were connecting when it began. */
  readonly settle: number;
  readonly signal: AbortSignal;
}

/** Milliseconds between two steps. */
const SHORTEST_STEP = 50;
const LONGEST_STEP = 1000;

/**
 * Ends all connections to endpoints that were accepted before now: evenly over `spread`, so that of 30 connections one
 * ends each second over 30 s. Returns how many it has ended, also when `signal` aborts.
 */
export async function emptyEndpoints(calls: EndingCalls, options: EmptyingOptions): Promise<number> {
  const { group, endpoints, code, spread, settle, signal } = options;
  const startedAt = performance.now();
  const atStart = endpoints.map(({ active }) => active);
  const step = within(spread / 50);
  let ended = 0;
  for (;;) {
    const age = performance.now() - startedAt;
    const left = spread > age ? 1 - age / spread : 0;
    for (const [index, endpoint] of endpoints.entries()) {
      const of = { group, endpoint: endpoint.key };
      const limit = left > 0 ? Math.max(0, endpoint.active - Math.ceil(left * atStart[index]!)) : Infinity;
      ended += await endSome(calls, { of, age, idle: 0, limit }, code, signal);
    }
    if (age >= spread + settle) return ended;
    await sleep(step, signal);
    if (signal.aborted) return ended;
  }
}

/**
 * Ends connections as soon as they have been idle for `idle` milliseconds, or up to a quarter later, until `signal`
 * aborts.
 *
 * @param scopes Which connections, asked for anew at each step.
 */
export async function endIdle(
  calls: EndingCalls,
  scopes: () => readonly EndingQuery["of"][],
  idle: number,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    for (const of of scopes()) {
      await endSome(calls, { of, age: 0, idle, limit: Infinity }, "drain_idle", signal);
    }
    await sleep(within(idle / 4), signal);
  }
}

function within(step: number): number {
  return Math.min(Math.max(step, SHORTEST_STEP), LONGEST_STEP);
}
