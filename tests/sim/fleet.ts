/** Endpoints, clients and chance of a simulated fleet; the same in every run. */

import type { Candidate } from "../../src/upstream/balance/policy.ts";

/** An endpoint as one proxy sees it. */
export interface SimEndpoint extends Candidate {
  part: number;
  active: number;
}

export function endpointsOf(count: number): SimEndpoint[] {
  return Array.from({ length: count }, (_, id) => ({
    id,
    key: `10.${id >> 16}.${id >> 8 & 255}.${id & 255}:5432`,
    weight: 1,
    part: 1,
    active: 0,
  }));
}

export function clientOf(index: number): string {
  return `172.${16 + (index >> 16)}.${index >> 8 & 255}.${index & 255}`;
}

/** Numbers from 0 to below 1 (mulberry32 by Tommy Ettinger, public domain). */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = state + 0x6d2b_79f5 | 0;
    let mixed = Math.imul(state ^ state >>> 15, 1 | state);
    mixed = mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed) ^ mixed;
    return ((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32;
  };
}

/** The time until the next of events that come independently of each other, `rate` of them in a unit of time. */
export function untilNext(random: () => number, rate: number): number {
  return -Math.log(1 - random()) / rate;
}
