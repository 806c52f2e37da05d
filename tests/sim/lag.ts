/** What clients of source_hash see while the proxies of a fleet learn of a new endpoint at different times. */

import { MaglevTable } from "../../src/upstream/balance/maglev.ts";
import { endpointsOf, randomFrom, untilNext } from "./fleet.ts";

export interface LagOptions {
  readonly proxies: number;
  /** Seconds in which all proxies learn of the endpoint, each at any moment of them. */
  readonly lag: number;
  /** Seconds between two connections of a client, on average. Each goes to any proxy. */
  readonly pause: number;
  /** The clients that move, from {@linkcode moversOf}. */
  readonly movers: readonly Mover[];
  readonly seed: number;
}

/** The endpoints of a client, before and after. */
export type Mover = readonly [before: string, after: string];

export interface Lag {
  readonly lag: number;
  /** The share of the clients that move which went back to the earlier endpoint at least once. */
  readonly wentBack: number;
  /** How often a client that moves changes its endpoint, on average; 1 is the least. */
  readonly changes: number;
  /** Seconds until half of the clients that move have used the earlier endpoint for the last time. */
  readonly settled: number;
}

export function lagOf(options: LagOptions): Lag {
  const { proxies, lag, pause, movers, seed } = options;
  const random = randomFrom(seed);
  const learned = Array.from({ length: proxies }, () => random() * lag);
  const lasts: number[] = [];
  let changes = 0;
  let wentBack = 0;
  for (const [before, after] of movers) {
    let current = before;
    let own = 0;
    let last = 0;
    // The first one has to find every proxy knowing.
    for (let time = 0; time <= lag || current !== after; time += untilNext(random, 1 / pause)) {
      const knows = time >= learned[Math.floor(random() * proxies)]!;
      const next = knows ? after : before;
      if (next !== current) own += 1;
      if (!knows) last = time;
      current = next;
    }
    changes += own;
    if (own > 1) wentBack += 1;
    lasts.push(last);
  }
  lasts.sort((a, b) => a - b);
  return {
    lag,
    wentBack: wentBack / lasts.length,
    changes: changes / lasts.length,
    settled: lasts[lasts.length >> 1]!,
  };
}

/** `count` clients that get another endpoint when one is added to `endpoints` others, of any number with their hash. */
export function moversOf(endpoints: number, count: number): Mover[] {
  const all = endpointsOf(endpoints + 1);
  const before = all.slice(0, endpoints);
  const [old, next] = [new MaglevTable(before), new MaglevTable(all)];
  const moved = [...old.slots].map((index, slot): Mover => [before[index]!.key, all[next.slots[slot]!]!.key])
    .filter(([from, to]) => from !== to);
  return Array.from({ length: count }, (_, index) => moved[index % moved.length]!);
}
