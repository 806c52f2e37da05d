/** Leaves out routes for which the program has no room, so that those that are served stay so. */

import { byAge } from "../resources/meta.ts";
import type { Route } from "../resources/route.ts";
import { type PlannedGroup, type PortPlan, refusingGroup, refusingGroupName } from "./ports.ts";

/** How many groups and endpoints all ports may have together. */
const MOST_GROUPS = 2048;
const MOST_ENDPOINTS = 8192;

/**
 * What the program allocates: twice the bound, as removed groups keep their place until their last connection ends.
 */
export const ROOM = { groups: 2 * MOST_GROUPS, endpoints: 2 * MOST_ENDPOINTS };

export interface Fitted {
  readonly ports: readonly PortPlan[];
  /** Why routes are left out. */
  readonly excess: ReadonlyMap<Route, string>;
}

interface Candidate {
  readonly port: number;
  readonly name: string;
  readonly group: PlannedGroup;
}

/** The same plans, in which the groups of the youngest routes refuse their clients where there is no room for all. */
export function fitted(ports: readonly PortPlan[]): Fitted {
  const candidates = ports.flatMap(({ port, groups }) =>
    [...groups].filter(([, { routes }]) => routes.length > 0).map(([name, group]) => ({ port, name, group }))
  );
  // Each port may get a group that refuses.
  let [groups, endpoints] = [ports.length, ports.length];
  const excess = new Map<Route, string>();
  const left = new Set<string>();
  for (const { port, name, group } of candidates.sort(oldestFirst)) {
    const more = group.endpoints.length;
    if (groups + 1 <= MOST_GROUPS && endpoints + more <= MOST_ENDPOINTS) {
      [groups, endpoints] = [groups + 1, endpoints + more];
      continue;
    }
    left.add(name);
    const what = groups + 1 > MOST_GROUPS
      ? `${MOST_GROUPS} groups of backends`
      : `${MOST_ENDPOINTS} endpoints, and the route has ${more}`;
    const message = `No room on port ${port}: older routes come first, and sluice has room for ${what}`;
    for (const route of group.routes) excess.set(route, message);
  }
  return { ports: left.size === 0 ? ports : ports.map((plan) => without(left, plan)), excess };
}

function oldestFirst({ group: { routes: [a] } }: Candidate, { group: { routes: [b] } }: Candidate): number {
  return byAge(a!, b!);
}

function without(left: ReadonlySet<string>, plan: PortPlan): PortPlan {
  const { port, routes, upstream } = plan;
  const groups = new Map(plan.groups.entries().filter(([name]) => !left.has(name)));
  if (groups.size === plan.groups.size) return plan;
  const refusal = refusingGroupName(port);
  groups.set(refusal, refusingGroup());
  return {
    port,
    routes: routes.map((route) => left.has(route.group) ? { ...route, pairs: [], group: refusal } : route),
    upstream: upstream !== undefined && left.has(upstream) ? refusal : upstream,
    groups,
  };
}
