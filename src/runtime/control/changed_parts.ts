/** What a change of the configuration affects beyond its differences. */

import type { Config } from "../../config/config.ts";
import { type ConfigDiff, namesOf } from "../../config/diff.ts";
import { areFaultsEnabled } from "../../config/fault.ts";
import { groupsOf } from "../../config/service_groups.ts";

/**
 * The groups that stay, and have changed or have health checks, whose certificates may be new: those of services that are
 * new or have changed, and others, which may change before.
 */
export function changedGroups({ services, upstreams }: Config, diff: ConfigDiff) {
  const [sameServices, same, added] = [
    namesOf(diff.services, "same"),
    namesOf(diff.groups, "same"),
    namesOf(diff.groups, "added"),
  ];
  const used = services.filter(({ name }) => !sameServices.has(name)).flatMap(groupsOf);
  const names = new Set(used.map(({ name }) => name));
  const changed = upstreams.filter(({ name, healthCheck }) =>
    !added.has(name) && (!same.has(name) || healthCheck !== undefined)
  );
  return Object.groupBy(changed, ({ name }) => names.has(name) ? "withService" : "alone");
}

/** The settings for which services must be recreated. */
export function sharedSettingsOf(config: Config): unknown {
  const { path, sample } = config.log.access;
  return { hasFile: path !== undefined, sample, areFaultsEnabled: areFaultsEnabled(config) };
}

/** Those of a configuration by name, in its order: new ones, and others from before. */
export function inOrder<Item extends Named>(
  wanted: readonly Named[],
  added: readonly Item[],
  before: ReadonlyMap<string, Item>,
): Map<string, Item> {
  const known = new Map(added.map((item) => [item.name, item]));
  return new Map(wanted.map(({ name }) => [name, known.get(name) ?? before.get(name)!]));
}

interface Named {
  readonly name: string;
}
