/** Turns the upstreams of services into groups. */

import { addressKey, formatAddress } from "../../net/address.ts";
import type { GroupConfig } from "../config.ts";
import { type Steps, stepThrough } from "../input/steps.ts";
import { completeDiscovery } from "../schema/discovery_schema.ts";
import { completeCheck } from "../schema/health_check_schema.ts";
import { type GroupEntry, loneGroup, type UpstreamEntry } from "../schema/group_schema.ts";
import type { PathResolver } from "../values/file_path.ts";

/** The groups of a configuration: those with a name first, then the others in the order of their first use. */
export class Groups {
  readonly #all = new Map<string, GroupConfig>();
  readonly #named = new Map<string, GroupConfig>();
  readonly #lone = new Map<string, GroupConfig>();

  readonly #pathOf: PathResolver;

  private constructor(pathOf: PathResolver) {
    this.#pathOf = pathOf;
  }

  /** Those with a name, one per step. @param pathOf Makes the paths of files absolute. */
  static *of(upstreams: ReadonlyMap<string, GroupEntry>, pathOf: PathResolver): Steps<Groups> {
    const groups = new Groups(pathOf);
    yield* stepThrough(upstreams, ([name, entry]) => {
      groups.#named.set(name, groups.#add(name, entry, "name"));
    });
    return groups;
  }

  /** Every group once. */
  get all(): GroupConfig[] {
    return [...this.#all.values()];
  }

  /** The group of an upstream: the same for the same name or address. `place` names one written in place. */
  groupOf(upstream: UpstreamEntry, place: string): GroupConfig {
    if (upstream.kind === "group") return this.#add(place, upstream.group, "group");
    if (upstream.kind === "name") {
      const group = this.#named.get(upstream.name);
      // Unknown names were reported as problems before.
      if (group === undefined) throw new Error(`Unknown group "${upstream.name}"`);
      return group;
    }
    const { address } = upstream;
    const known = this.#lone.get(addressKey(address));
    if (known !== undefined) return known;
    const group = this.#add(formatAddress(address), loneGroup(address), "address");
    this.#lone.set(addressKey(address), group);
    return group;
  }

  #add(wanted: string, entry: GroupEntry, writtenAs: GroupConfig["writtenAs"]): GroupConfig {
    // A group may be called "db.upstream", which is also what the one in the service "db" is called.
    let name = wanted;
    for (let count = 2; this.#all.has(name); count++) name = `${wanted}#${count}`;
    const healthCheck = entry.healthCheck && completeCheck(entry.healthCheck);
    const discovery = entry.discovery && completeDiscovery(entry.discovery, this.#pathOf);
    const group = { name, writtenAs, ...entry, endpoints: entry.endpoints ?? [], healthCheck, discovery };
    this.#all.set(name, group);
    return group;
  }
}
