/** The differences between two configurations, and how each of them takes effect. */

import type { Config, GroupConfig, RouteConfig, ServiceConfig } from "./config.ts";
import { atOnce, type Steps } from "./input/steps.ts";

export type DifferenceKind = "added" | "removed" | "changed" | "same";

/** What changed of a service or a group, by its name. */
export interface Difference {
  readonly name: string;
  readonly kind: DifferenceKind;
}

/** Each service and group of either configuration once: those of the new one in its order, then what is removed. */
export interface ConfigDiff {
  /** `changed` also if one of its groups has changed, unless that change is applied in place. */
  readonly services: readonly Difference[];
  /** Names of services that stay and have other faults, which are changed in place. */
  readonly faults: readonly string[];
  readonly groups: readonly Difference[];
  /** Keys that are different and that only a restart brings: `workers`, `seed`, `admin`. */
  readonly needsRestart: readonly string[];
  /** Keys that are different and take effect at once: `log`, `shutdown`, `faults`, … */
  readonly changedSettings: readonly string[];
}

type Setting = Exclude<keyof Config, "services" | "upstreams" | "warnings">;

/** The settings of the whole process: their keys, and how a change of each takes effect. */
const SETTINGS: Record<Setting, { readonly key: string; readonly effect: "live" | "restart" }> = {
  workers: { key: "workers", effect: "restart" },
  admin: { key: "admin", effect: "restart" },
  log: { key: "log", effect: "live" },
  shutdown: { key: "shutdown", effect: "live" },
  reload: { key: "reload", effect: "live" },
  limits: { key: "limits.connections", effect: "live" },
  faultsEnabled: { key: "faults", effect: "live" },
  seed: { key: "seed", effect: "restart" },
};

/**
 * Compares by value: what is undefined equals what is absent, and the order in lists matters. Of files that a
 * configuration names, such as certificates, only the names are compared.
 */
export function diffConfig(before: Config, after: Config): ConfigDiff {
  return atOnce(diffingSteps(before, after));
}

/** The same as {@linkcode diffConfig}, in steps of one route or group each. */
export function* diffingSteps(before: Config, after: Config): Steps<ConfigDiff> {
  return {
    services: yield* diffByName(before.services, after.services, isSameService),
    faults: servicesWithOtherFaults(before.services, after.services),
    groups: yield* diffByName(before.upstreams, after.upstreams, isSameGroup),
    needsRestart: changedKeys(before, after, "restart"),
    changedSettings: changedKeys(before, after, "live"),
  };
}

/** Summarizes it in a line: `1 service added (smtp), 2 changed (db, cache); log`. Has names only, and no values. */
export function describeDiff(diff: ConfigDiff): string {
  const services = describeDifferences("service", diff.services);
  // Most groups come and go with a service, whose name is enough.
  const groups = services === "" ? diff.groups : diff.groups.filter(({ kind }) => kind === "changed");
  const restart = diff.needsRestart.join(" and ");
  const parts = [
    services,
    diff.faults.length === 0 ? "" : `faults of ${listNames(diff.faults)}`,
    describeDifferences("group", groups),
    diff.changedSettings.join(", "),
    restart && `${restart} ${diff.needsRestart.length === 1 ? "needs" : "need"} a restart`,
  ];
  return parts.filter((part) => part !== "").join("; ") || "nothing changed";
}

function* diffByName<Item extends { readonly name: string }>(
  before: readonly Item[],
  after: readonly Item[],
  isSame: (before: Item, after: Item) => Steps<boolean>,
): Steps<Difference[]> {
  const old = new Map(before.map((item) => [item.name, item]));
  const kept: Difference[] = [];
  for (const item of after) {
    const { name } = item;
    const counterpart = old.get(name);
    old.delete(name);
    if (counterpart === undefined) kept.push({ name, kind: "added" });
    else kept.push({ name, kind: (yield* isSame(counterpart, item)) ? "same" : "changed" });
  }
  return [...kept, ...[...old.keys()].map((name): Difference => ({ name, kind: "removed" }))];
}

function servicesWithOtherFaults(
  before: readonly ServiceConfig[],
  after: readonly ServiceConfig[],
): string[] {
  const old = new Map(before.map(({ name, faults }) => [name, faults]));
  return after.filter(({ name, faults }) => old.has(name) && !isEqual(old.get(name), faults))
    .map(({ name }) => name);
}

function* isSameGroup(before: GroupConfig, after: GroupConfig): Steps<boolean> {
  yield;
  return isEqual(before, after);
}

function* isSameService(before: ServiceConfig, after: ServiceConfig): Steps<boolean> {
  if (before.routes.length !== after.routes.length) return false;
  for (const [index, route] of before.routes.entries()) {
    if (!isEqual(routeKeys(route), routeKeys(after.routes[index]!))) return false;
    yield;
  }
  return isEqual(serviceKeys(before), serviceKeys(after));
}

function routeKeys(route: RouteConfig) {
  return { ...route, upstream: connectorKeys(route.upstream) };
}

/**
 * Keys of a service but its routes and its faults, which change in place; of groups, those that connectors are made of.
 */
function serviceKeys({ faults: _, routes: _r, ...service }: ServiceConfig) {
  return {
    ...service,
    upstream: service.upstream && connectorKeys(service.upstream),
    mirror: service.mirror && { ...service.mirror, upstream: connectorKeys(service.mirror.upstream) },
  };
}

/** The keys of a group that its connectors are made of; all others can change while connections use the group. */
function connectorKeys(group: GroupConfig) {
  const { name, retry, pool, discovery } = group;
  return { name, retry, pool, discovery };
}

function changedKeys(before: Config, after: Config, effect: "live" | "restart"): string[] {
  const settings = Object.keys(SETTINGS) as Setting[];
  return settings.filter((setting) =>
    SETTINGS[setting].effect === effect && !isEqual(before[setting], after[setting])
  ).map((setting) => SETTINGS[setting].key);
}

/**
 * Compares configurations by value; undefined equals absent. They consist of mappings, lists, bytes and plain
 * values. `isDeepStrictEqual` takes ten times as long, and thousands of services are compared in one turn.
 */
function isEqual(before: unknown, after: unknown): boolean {
  if (Object.is(before, after)) return true;
  if (typeof before !== "object" || typeof after !== "object" || !before || !after) return false;
  if (Array.isArray(before) && Array.isArray(after)) {
    return before.length === after.length && before.every((entry, index) => isEqual(entry, after[index]));
  }
  if (Array.isArray(before) || Array.isArray(after)) return false;
  if (ArrayBuffer.isView(before) !== ArrayBuffer.isView(after)) return false;
  const [some, others] = [before, after] as Readonly<Record<string, unknown>>[];
  return Object.keys(some!).every((key) => isEqual(some![key], others![key])) &&
    Object.keys(others!).every((key) => others![key] === undefined || Object.hasOwn(some!, key));
}

/** How many names a line has for each kind. */
const MAX_NAMES = 5;

function describeDifferences(noun: string, differences: readonly Difference[]): string {
  const parts: string[] = [];
  for (const kind of ["added", "changed", "removed"] as const) {
    const names = differences.filter((each) => each.kind === kind).map(({ name }) => name);
    if (names.length === 0) continue;
    const subject = parts.length > 0 ? "" : names.length === 1 ? `${noun} ` : `${noun}s `;
    parts.push(`${names.length} ${subject}${kind} (${listNames(names)})`);
  }
  return parts.join(", ");
}

function listNames(names: readonly string[]): string {
  const more = names.length - MAX_NAMES;
  const shown = names.slice(0, MAX_NAMES).join(", ");
  return more <= 0 ? shown : `${shown} and ${more} more`;
}

/** The names of what has changed in one way. */
export function namesOf(differences: readonly Difference[], kind: DifferenceKind): Set<string> {
  return new Set(differences.filter((each) => each.kind === kind).map(({ name }) => name));
}
