/** The figures of docs/deploy/fleet.md. */

import type { Rows } from "../support/docs/format_table.ts";
import { POLICY_NAMES } from "../../src/upstream/balance/registry.ts";
import { type Herd, herdOf, type HerdOptions } from "./herd.ts";
import { lagOf, moversOf } from "./lag.ts";
import { dividedLimit, refusedShare } from "./limits.ts";
import { movesOf, removalsOf } from "./moves.ts";
import { restartOf } from "./restart.ts";

const CLIENTS = 1_000_000;
const GROUP_SIZES = [10, 100, 1000, 10_000];
const LAGS = [1, 5, 10, 30];
const LIMITS = [10, 50, 200, 1000];
const LOADS = [0.5, 0.7, 0.8, 0.9, 1];
const FLEET_SIZES = [2, 4, 10, 50];
const DIVIDED = { whole: 1000, load: 800 };
const POLICIES = ["round_robin", "random_two", "least_connections"] as const;

const SEED = 18;
const FLEET = { proxies: 1000, pause: 5, seed: SEED };
const RESTART = { proxies: 1000, endpoints: 20, moments: [1, 5, 20, 100], seed: SEED };
const HERD = { proxies: 1000, endpoints: 20, rate: 2000, life: 30, interval: 2, follow: 90, seed: SEED };

export interface HerdRun {
  readonly policy: HerdOptions["policy"];
  /** In seconds. */
  readonly slowStart: number;
  readonly herd: Herd;
}

export function simulateHerds(): HerdRun[] {
  return POLICIES.flatMap((policy) =>
    [0, 30].map((slowStart) => ({ policy, slowStart, herd: herdOf({ ...HERD, policy, slowStart }) }))
  );
}

/** The tables, each with the heading that it follows. */
export function tablesOf(herds: readonly HerdRun[]): { heading: string; rows: Rows }[] {
  return [
    { heading: "## One endpoint comes or goes", rows: movesRows() },
    { heading: "## Proxies learn of it at different times", rows: lagRows() },
    { heading: "## Limits", rows: limitRows() },
    { heading: "### The number of proxies changes", rows: changeRows() },
    { heading: "## An endpoint is back", rows: herdRows(herds) },
    { heading: "## All proxies restart", rows: restartRows() },
  ];
}

/** What the text says of endpoints that are removed together, and one after the other. */
export function removalsText(): string {
  const { together, inTurn } = removalsOf(1000, 10);
  return `removing ten of 1000 in one step moves ${percent(together)} of the clients, one after the other ${
    percent(inTurn)
  }.`;
}

function movesRows(): Rows {
  return [
    [
      "Endpoints",
      "Its own clients",
      "Move when it is removed",
      "… is added",
      "… is down or drains",
      "Largest share",
    ],
    ...GROUP_SIZES.map((size) => movesOf(size, 10)).map((
      { endpoints, least, removed, added, down, largest },
    ) => [
      String(endpoints),
      ...[least, removed, added, down].map((share) => String(Math.round(share * CLIENTS))),
      `${largest.toFixed(2)} ×`,
    ]),
  ];
}

function lagRows(): Rows {
  const movers = moversOf(10_000, 1000);
  return [
    ["Lag", "Went back at least once", "Changes of endpoint for each", "Half have settled after"],
    ...LAGS.map((lag) => lagOf({ ...FLEET, movers, lag })).map(({ lag, wentBack, changes, settled }) => [
      `${lag} s`,
      percent(wentBack),
      changes.toFixed(2),
      `${settled.toFixed(1)} s`,
    ]),
  ];
}

function limitRows(): Rows {
  return [
    ["Limit of each proxy", ...LOADS.map((load) => `${load * 100} % load`)],
    ...LIMITS.map((limit) => [
      String(limit),
      ...LOADS.map((load) => percent(refusedShare(limit, limit * load))),
    ]),
  ];
}

function changeRows(): Rows {
  return [
    ["Proxies", "Limit of each", "Refused", "One joins: admits", "Refused", "One leaves: admits", "Refused"],
    ...FLEET_SIZES.map((dividedBy) => {
      const [before, more, fewer] = [dividedBy, dividedBy + 1, dividedBy - 1].map((proxies) =>
        dividedLimit({ ...DIVIDED, dividedBy, proxies })
      );
      return [
        String(dividedBy),
        String(DIVIDED.whole / dividedBy),
        percent(before!.refused),
        ...[more!, fewer!].flatMap(({ admits, refused }) => [percent(admits), percent(refused)]),
      ];
    }),
  ];
}

function herdRows(runs: readonly HerdRun[]): Rows {
  return [
    ["`balance`", "`slow_start`", "Most in a second", "Second 1", "Second 5", "Second 30"],
    ...runs.map(({ policy, slowStart, herd: { peak, perSecond } }) => [
      `\`${policy}\``,
      slowStart === 0 ? "none" : `${slowStart} s`,
      ...[peak, perSecond[0]!, perSecond[4]!, perSecond[29]!].map((times) => `${times.toFixed(1)} ×`),
    ]),
  ];
}

function restartRows(): Rows {
  return [
    ["`balance`", ...RESTART.moments.map((each) => `${each} for each proxy`)],
    ...POLICY_NAMES.map((policy) => [
      `\`${policy}\``,
      ...restartOf({ ...RESTART, policy }).map((times) => `${times.toFixed(1)} ×`),
    ]),
  ];
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.0995 ? 1 : 0)} %`;
}
