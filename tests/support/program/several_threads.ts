/** What tests may expect of several threads as of one, and what of one alone. */

import assert from "node:assert/strict";
import { workers } from "./program.ts";

/**
 * Throws unless each of so many connections is there once, in the order of their numbers. Of several threads each has
 * numbers of its own (1, 3, 5, … and 2, 4, 6, … of two) and leaves none out; which of them a client comes to is up to
 * the kernel, and nothing orders what they tell.
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
 * Throws unless this was told of connections, in this order. Of several threads each keeps what it tells for a moment,
 * so that the order is that of the connections only within one of them.
 */
export function assertTold(actual: readonly unknown[], expected: readonly unknown[]): void {
  const ordered = (all: readonly unknown[]) =>
    workers === 1 ? all : all.toSorted((one, other) => JSON.stringify(one) < JSON.stringify(other) ? -1 : 1);
  assert.deepEqual(ordered(actual), ordered(expected));
}

/**
 * Visits, one after the other, after which every thread knows what the supervisor has decided and said: it sends them
 * messages. One thread knows at once.
 */
export const HEARD_AFTER = workers === 1 ? 0 : 10;

/** Which of so many threads a connection is in, from 0. */
export function threadOf({ id }: { readonly id: number }, threads: number): number {
  return (id - 1) % threads;
}

/** A test of what several threads do, with so many of them each time: other systems have one. */
export function testThreads(name: string, fn: (threads: number) => Promise<void>, counts = [2, 4]): void {
  for (const threads of counts) {
    Deno.test({
      name: `${threads} threads: ${name} (needs Linux)`,
      ignore: Deno.build.os !== "linux",
      fn: () => fn(threads),
    });
  }
}
