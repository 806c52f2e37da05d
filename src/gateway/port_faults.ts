/** Removes from a plan what sluice cannot decode, so that a mistake in one route does not stop others on its port. */

import type { Problem } from "../config/config_error.ts";
import { parsePath } from "../config/input/key_path.ts";
import { REFUSING_ADDRESS } from "./translation/backends.ts";
import { type PlannedRoute, type PortPlan, refusingGroup, refusingGroupName } from "./translation/ports.ts";
import { LARGEST_WEIGHT, type Share } from "./translation/shares.ts";

/** What is wrong with groups, by their names. */
export type GroupFaults = Map<string, string>;

/** What is taken out of a plan. */
interface Removals {
  /** Endpoints that become refusals, by group and index. */
  readonly endpoints: Map<string, Set<number>>;
  /** Groups that refuse all clients. */
  readonly groups: Set<string>;
  /** Server names that no client can ask for, by route and index. */
  readonly names: Map<number, Set<number>>;
  /** Routes that refuse their clients, by index. */
  readonly routes: Set<number>;
}

/**
 * The plan with refusals in place of what problems are about.
 *
 * @param faults Gets what is wrong with which group.
 * @returns undefined when nothing can be taken out that would help
 */
export function withoutFaults(
  plan: PortPlan,
  problems: readonly Problem[],
  faults: GroupFaults,
): PortPlan | undefined {
  const removals: Removals = { endpoints: new Map(), groups: new Set(), names: new Map(), routes: new Set() };
  for (const { path, message } of problems) {
    const group = note(removals, plan, parsePath(path));
    if (group === undefined) return undefined;
    const before = faults.get(group);
    faults.set(group, before === undefined ? message : `${before}; ${message}`);
  }
  const refusal = refusingGroupName(plan.port);
  const groups = new Map(
    [...plan.groups].map(([name, group]) => {
      if (removals.groups.has(name)) return [name, refusingGroup()] as const;
      const wrong = removals.endpoints.get(name);
      return wrong === undefined
        ? [name, group] as const
        : [name, { ...group, endpoints: refusing(group.endpoints, wrong), refuses: true }] as const;
    }),
  );
  const routes = plan.routes.flatMap((route, index): PlannedRoute[] => {
    const wrong = removals.names.get(index);
    const sni = wrong === undefined ? route.sni : route.sni?.filter((_, at) => !wrong.has(at));
    if (sni?.length === 0) return [];
    if (!removals.routes.has(index)) return [{ ...route, sni }];
    // A route that refuses already is itself the fault: drop it.
    return route.group === refusal ? [] : [{ sni, pairs: [], group: refusal }];
  });
  if (removals.routes.size > 0) groups.set(refusal, refusingGroup());
  return { ...plan, routes, groups };
}

/** Notes what a problem asks to take out, and returns the group that it is about. */
function note(removals: Removals, plan: PortPlan, path: readonly (string | number)[]): string | undefined {
  const [top, which, part, at, key, index] = path;
  if (top === "upstreams" && typeof which === "string") {
    const group = plan.groups.get(which);
    if (group === undefined) return undefined;
    const wrong = typeof at === "number" ? group.endpoints[at] : undefined;
    if (wrong === undefined) removals.groups.add(which);
    else removals.endpoints.getOrInsertComputed(which, () => new Set()).add(at as number);
    return which;
  }
  if (top !== "services") return undefined;
  if (part === "upstream" && plan.upstream !== undefined) {
    removals.groups.add(plan.upstream);
    return plan.upstream;
  }
  const route = part === "routes" && typeof at === "number" ? plan.routes[at] : undefined;
  if (route === undefined) return undefined;
  if (key === "upstream") removals.groups.add(route.group);
  else if (key === "sni" && typeof index === "number") {
    removals.names.getOrInsertComputed(at as number, () => new Set()).add(index);
  } else removals.routes.add(at as number);
  return route.group;
}

/** The same shares, of which those of wrong endpoints go to the one that refuses. */
function refusing(endpoints: readonly Share[], wrong: ReadonlySet<number>): Share[] {
  const isRefused = ({ address }: Share, index: number) => wrong.has(index) || address === REFUSING_ADDRESS;
  const weight = endpoints.filter(isRefused).reduce((sum, each) => sum + each.weight, 0);
  return [
    ...endpoints.filter((each, index) => !isRefused(each, index)),
    { address: REFUSING_ADDRESS, weight: Math.min(weight, LARGEST_WEIGHT) },
  ];
}
