/** Turns the upstreams of services into groups. */

import { addressKey, formatAddress } from "../../net/address.ts";
import type { GroupConfig, ServiceConfig } from "../config.ts";
import { type GroupEntry, loneGroup, type UpstreamEntry } from "../schema/group_schema.ts";

/** The groups of a configuration: those with a name first, then the others in the order of their first use. */
export class Groups {
  readonly #all = new Map<string, GroupConfig>();
  readonly #named = new Map<string, GroupConfig>();
  readonly #lone = new Map<string, GroupConfig>();

  constructor(upstreams: ReadonlyMap<string, GroupEntry>) {
    for (const [name, entry] of upstreams) this.#named.set(name, this.#add(name, entry));
  }

  /** Every group once. */
  get all(): GroupConfig[] {
    return [...this.#all.values()];
  }

  /** The group of an upstream: the same for the same name or address. `place` names one written in place. */
  groupOf(upstream: UpstreamEntry, place: string): GroupConfig {
    if (upstream.kind === "group") return this.#add(place, upstream.group);
    if (upstream.kind === "name") {
      const group = this.#named.get(upstream.name);
      // Unknown names were reported as problems before.
      if (group === undefined) throw new Error(`Unknown group "${upstream.name}"`);
      return group;
    }
    const { address } = upstream;
    const known = this.#lone.get(addressKey(address));
    if (known !== undefined) return known;
    const group = this.#add(formatAddress(address), loneGroup(address));
    this.#lone.set(addressKey(address), group);
    return group;
  }

  #add(wanted: string, entry: GroupEntry): GroupConfig {
    // A group may be called "db.upstream", which is also what the one in the service "db" is called.
    const name = untakenName(wanted, this.#all);
    const group = { name, ...entry };
    this.#all.set(name, group);
    return group;
  }
}

/** A unique name: `wanted`, or that with the first free number appended. */
export function untakenName(wanted: string, taken: { has(name: string): boolean }): string {
  let name = wanted;
  for (let count = 2; taken.has(name); count++) name = `${wanted}#${count}`;
  return name;
}

/** Where the connections of a service can go, each group once, its own upstream last. */
export function groupsOf({ routes, upstream }: ServiceConfig): GroupConfig[] {
  const groups = [...routes.map((route) => route.upstream), ...upstream === undefined ? [] : [upstream]];
  return [...new Set(groups)];
}
