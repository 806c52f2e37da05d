/** Expectations of tests that differ between one thread and several. */

import assert from "node:assert/strict";
import { workers } from "./program.ts";

/**
 * Throws unless each of this many connections occurs once, in the order of their ids. With several threads, each has ids
 * of its own (of two: 1, 3, 5, … and 2, 4, 6, …) and omits none; the kernel chooses the thread of a client, and the
 * threads' reports have no common order.
 */
export function assertNumbered(ids: readonly number[], connections: number): void {
  assert.equal(ids.length, connections);
  for (let thread = 0; thread < workers; thread++) {
    const own = ids.filter((id) => (id - 1) % workers === thread);
    assert.deepEqual(own, own.map((_, index) => index * workers + thread + 1));
  }
}

/** Matches the number of the first connection: that of the first one of any thread. */
export const FIRST_ID = `[1-${workers}]`;

/**
 * Throws unless these are the expected reports, in this order. With several threads, each delays its reports for a
 * moment, so that only the reports of one thread are in order.
 */
export function assertInOrder(actual: readonly unknown[], expected: readonly unknown[]): void {
  const ordered = (all: readonly unknown[]) =>
    workers === 1 ? all : all.toSorted((one, other) => JSON.stringify(one) < JSON.stringify(other) ? -1 : 1);
  assert.deepEqual(ordered(actual), ordered(expected));
}

/**
 * After this many visits, one after the other, every thread knows the supervisor's decisions, which it gets by message. A
 * single thread knows them at once.
 */
export const SYNCED_AFTER = workers === 1 ? 0 : 10;

/** Which of this many threads a connection is in, from 0. */
export function threadOf({ id }: { readonly id: number }, threads: number): number {
  return (id - 1) % threads;
}

/** A test with several threads, once for each number of them; other systems than Linux have one. */
export function testThreads(name: string, fn: (threads: number) => Promise<void>, counts = [2, 4]): void {
  for (const threads of counts) {
    Deno.test({
      name: `${threads} threads: ${name} (needs Linux)`,
      ignore: Deno.build.os !== "linux",
      fn: () => fn(threads),
    });
  }
}
