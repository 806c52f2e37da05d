/** The tables of docs/deploy/fleet.md. */

import type { Rows } from "../support/docs/format_table.ts";
import type { PolicyName } from "../../src/upstream/balance/registry.ts";
import { type Herd, herdOf } from "./herd.ts";
import { type Lag, lagOf } from "./lag.ts";
import { refusedShare } from "./limits.ts";
import { type Moves, movesOf } from "./moves.ts";

const CLIENTS = 1_000_000;
export const GROUP_SIZES = [10, 100, 1000, 10_000];
const LAGS = [1, 5, 10, 30];
const LIMITS = [10, 50, 200, 1000];
const LOADS = [0.5, 0.7, 0.8, 0.9, 1];
const POLICIES: readonly PolicyName[] = ["round_robin", "random_two", "least_connections"];

export const SEED = 18;
/** The fleet of the issue that this answers: 1000 proxies before 10 000 endpoints. */
const FLEET = { proxies: 1000, endpoints: 10_000, pause: 5, movers: 1000, seed: SEED };
const HERD = { proxies: 1000, endpoints: 20, rate: 2000, life: 30, interval: 2, follow: 90, seed: SEED };

export interface HerdRun {
  readonly policy: PolicyName;
  /** In seconds. */
  readonly slowStart: number;
  readonly herd: Herd;
}

export function simulateHerds(): HerdRun[] {
  return POLICIES.flatMap((policy) =>
    [0, 30].map((slowStart) => ({ policy, slowStart, herd: herdOf({ ...HERD, policy, slowStart }) }))
  );
}

export function movesRows(moves: readonly Moves[] = GROUP_SIZES.map((size) => movesOf(size, 10))): Rows {
  return [
    [
      "Endpoints",
      "Its own clients",
      "Move when it is removed",
      "… is added",
      "… is down or drains",
      "Largest share",
    ],
    ...moves.map(({ endpoints, least, removed, added, down, largest }) => [
      String(endpoints),
      ...[least, removed, added, down].map((share) => String(Math.round(share * CLIENTS))),
      `${largest.toFixed(2)} ×`,
    ]),
  ];
}

export function lagRows(lags: readonly Lag[] = LAGS.map((lag) => lagOf({ ...FLEET, lag }))): Rows {
  return [
    ["Lag", "Went back at least once", "Changes of endpoint for each", "Half have settled after"],
    ...lags.map(({ lag, wentBack, changes, settled }) => [
      `${lag} s`,
      percent(wentBack),
      changes.toFixed(2),
      `${settled.toFixed(1)} s`,
    ]),
  ];
}

export function limitRows(): Rows {
  return [
    ["Limit of each proxy", ...LOADS.map((load) => `${load * 100} % load`)],
    ...LIMITS.map((limit) => [
      String(limit),
      ...LOADS.map((load) => percent(refusedShare(limit, limit * load))),
    ]),
  ];
}

export function herdRows(runs: readonly HerdRun[]): Rows {
  return [
    ["`balance`", "`slow_start`", "Most in a second", "Second 1", "Second 5", "Second 30"],
    ...runs.map(({ policy, slowStart, herd: { peak, perSecond } }) => [
      `\`${policy}\``,
      slowStart === 0 ? "none" : `${slowStart} s`,
      ...[peak, perSecond[0]!, perSecond[4]!, perSecond[29]!].map((times) => `${times.toFixed(1)} ×`),
    ]),
  ];
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.0995 ? 1 : 0)} %`;
}
