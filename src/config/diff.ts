/** The differences between two configurations, and how each of them takes effect. */

import type { Config, GroupConfig, ServiceConfig } from "./config.ts";

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
  /** `canChangeInPlace` says how one that is `changed` has changed. */
  readonly groups: readonly Difference[];
  /** Keys that are different and that only a restart brings: `workers`, `admin`. */
  readonly needsRestart: readonly string[];
  /** Keys that are different and take effect at once: `log`, `shutdown`, `reload`, `limits.connections`. */
  readonly changedSettings: readonly string[];
}

type Setting = Exclude<keyof Config, "services" | "upstreams" | "warnings">;

/** What holds for the whole process: the key people know it by, and how a change of it takes effect. */
const SETTINGS: Record<Setting, { readonly key: string; readonly effect: "live" | "restart" }> = {
  workers: { key: "workers", effect: "restart" },
  admin: { key: "admin", effect: "restart" },
  log: { key: "log", effect: "live" },
  shutdown: { key: "shutdown", effect: "live" },
  reload: { key: "reload", effect: "live" },
  limits: { key: "limits.connections", effect: "live" },
};

/**
 * Compares by value: what is undefined equals what is absent, and the order in lists matters. Of files that a
 * configuration names, such as certificates, only the names are compared.
 */
export function diffConfig(before: Config, after: Config): ConfigDiff {
  return {
    services: diffByName(before.services, after.services, isSameService),
    groups: diffByName(before.upstreams, after.upstreams, isEqual),
    needsRestart: changedKeys(before, after, "restart"),
    changedSettings: changedKeys(before, after, "live"),
  };
}

/** Whether only keys differ that a group can change while connections use it: none that its connectors are made of. */
export function canChangeInPlace(before: GroupConfig, after: GroupConfig): boolean {
  return isEqual(connectorKeys(before), connectorKeys(after));
}

/** Summarizes it in a line: `1 service added (smtp), 2 changed (db, cache); log`. Has names only, and no values. */
export function describeDiff(diff: ConfigDiff): string {
  const services = describeDifferences("service", diff.services);
  // Most groups come and go with a service, which says it all.
  const groups = services === undefined ? diff.groups : diff.groups.filter(({ kind }) => kind === "changed");
  const parts = [
    services,
    describeDifferences("group", groups),
    diff.changedSettings.length === 0 ? undefined : diff.changedSettings.join(", "),
    describeRestart(diff.needsRestart),
  ].filter((part) => part !== undefined);
  return parts.length === 0 ? "nothing changed" : parts.join("; ");
}

function diffByName<Item extends { readonly name: string }>(
  before: readonly Item[],
  after: readonly Item[],
  isSame: (before: Item, after: Item) => boolean,
): Difference[] {
  const old = new Map(before.map((item) => [item.name, item]));
  const kept = after.map((item): Difference => {
    const { name } = item;
    const counterpart = old.get(name);
    old.delete(name);
    if (counterpart === undefined) return { name, kind: "added" };
    return { name, kind: isSame(counterpart, item) ? "same" : "changed" };
  });
  return [...kept, ...[...old.keys()].map((name): Difference => ({ name, kind: "removed" }))];
}

function isSameService(before: ServiceConfig, after: ServiceConfig): boolean {
  return isEqual(serviceKeys(before), serviceKeys(after));
}

/** All keys of a service, and of its groups those that its connectors are made of. */
function serviceKeys(service: ServiceConfig) {
  return {
    ...service,
    routes: service.routes.map((route) => ({ ...route, upstream: connectorKeys(route.upstream) })),
    upstream: service.upstream && connectorKeys(service.upstream),
  };
}

/** All keys of a group, its name too, but those that are changed in place. */
function connectorKeys(group: GroupConfig) {
  const { endpoints: _, balance: _b, healthCheck: _h, passive: _p, onDown: _o, ...keys } = group;
  return keys;
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
  if (typeof before !== "object" || typeof after !== "object" || before === null || after === null) {
    return false;
  }
  if (Array.isArray(before) || ArrayBuffer.isView(before)) return isEqualList(before, after);
  if (Array.isArray(after) || ArrayBuffer.isView(after)) return false;
  const [some, others] = [before, after] as Readonly<Record<string, unknown>>[];
  return Object.keys(some!).every((key) => isEqual(some![key], others![key])) &&
    Object.keys(others!).every((key) => others![key] === undefined || Object.hasOwn(some!, key));
}

function isEqualList(before: object, after: object): boolean {
  if (
    Array.isArray(before) !== Array.isArray(after) || ArrayBuffer.isView(before) !== ArrayBuffer.isView(after)
  ) {
    return false;
  }
  const [some, others] = [before, after] as (readonly unknown[])[];
  return some!.length === others!.length && some!.every((entry, index) => isEqual(entry, others![index]));
}

/** How many names a line has for each kind. */
const MAX_NAMES = 5;

function describeDifferences(noun: string, differences: readonly Difference[]): string | undefined {
  const parts: string[] = [];
  for (const kind of ["added", "changed", "removed"] as const) {
    const names = differences.filter((each) => each.kind === kind).map(({ name }) => name);
    if (names.length === 0) continue;
    const subject = parts.length > 0 ? "" : names.length === 1 ? `${noun} ` : `${noun}s `;
    parts.push(`${names.length} ${subject}${kind} (${listNames(names)})`);
  }
  return parts.length === 0 ? undefined : parts.join(", ");
}

function listNames(names: readonly string[]): string {
  const more = names.length - MAX_NAMES;
  const shown = names.slice(0, MAX_NAMES).join(", ");
  return more <= 0 ? shown : `${shown} and ${more} more`;
}

function describeRestart(keys: readonly string[]): string | undefined {
  if (keys.length === 0) return undefined;
  return `${keys.join(" and ")} ${keys.length === 1 ? "needs" : "need"} a restart`;
}
