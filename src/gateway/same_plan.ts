/** Whether two plans of a port make the same service. */

import type { Steps } from "../config/input/steps.ts";
import type { PlannedGroup, PlannedRoute, PortPlan } from "./translation/ports.ts";

/** What of a plan makes the service. */
export interface PlannedService extends Omit<PortPlan, "groups"> {
  readonly groups: ReadonlyMap<string, Omit<PlannedGroup, "routes">>;
}

/** Without the objects of the cluster that it was made from. */
export function withoutRoutes({ groups, ...plan }: PortPlan): PlannedService {
  const own = groups.entries().map(([name, { endpoints, refuses }]) =>
    [name, { endpoints, refuses }] as const
  );
  return { ...plan, groups: new Map(own) };
}

/** A route or group per step. */
export function* isSamePlan(before: PlannedService, after: PlannedService): Steps<boolean> {
  if (before.port !== after.port || before.upstream !== after.upstream) return false;
  if (before.routes.length !== after.routes.length || before.groups.size !== after.groups.size) return false;
  for (const [index, route] of before.routes.entries()) {
    if (!isSameRoute(route, after.routes[index]!)) return false;
    yield;
  }
  for (const [name, group] of before.groups) {
    const other = after.groups.get(name);
    if (other === undefined || !isSameGroup(group, other)) return false;
    yield;
  }
  return true;
}

function isSameRoute(a: PlannedRoute, b: PlannedRoute): boolean {
  return a.group === b.group && isSameList(a.sni ?? [], b.sni ?? [], (one, other) => one === other) &&
    (a.sni === undefined) === (b.sni === undefined) &&
    isSameList(a.pairs, b.pairs, (one, other) => one.id === other.id);
}

type Endpoints = Pick<PlannedGroup, "endpoints" | "refuses">;

function isSameGroup(a: Endpoints, b: Endpoints): boolean {
  return a.refuses === b.refuses && isSameList(a.endpoints, b.endpoints, (one, other) => {
    return one.address === other.address && one.weight === other.weight;
  });
}

function isSameList<Item>(
  a: readonly Item[],
  b: readonly Item[],
  isSame: (one: Item, other: Item) => boolean,
): boolean {
  return a === b || a.length === b.length && a.every((item, index) => isSame(item, b[index]!));
}
