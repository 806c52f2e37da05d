/** How each upstream group of a configuration is written in a file: by its name, in place, or as an address. */

import { GROUP_NAME_PATTERN } from "../values/address_text.ts";
import type { Config, GroupConfig, ServiceConfig } from "../config.ts";
import type { UpstreamEntry } from "../schema/group_schema.ts";
import { untakenName } from "./groups.ts";

/**
 * The upstreams of services and routes as they are written, so that `Groups` makes the same groups of them, with the
 * same names and in the same order. A group is written in place where it can be: there it changes only with its service.
 */
export class WrittenGroups {
  /** The groups to be written under `upstreams`. */
  readonly named: ReadonlyMap<string, GroupConfig>;
  readonly #inPlace: ReadonlySet<string>;

  constructor({ upstreams, services }: Pick<Config, "upstreams" | "services">) {
    const uses = usesIn(services);
    this.#inPlace = namesInPlace(upstreams, uses);
    const named = upstreams.slice(0, countNamed(upstreams, uses, this.#inPlace));
    this.named = new Map(named.map((group) => [group.name, group]));
  }

  entryOf(group: GroupConfig): UpstreamEntry {
    if (this.named.has(group.name)) return { kind: "name", name: group.name };
    if (this.#inPlace.has(group.name)) return { kind: "group", group };
    // A group with neither a name of its own nor that of its place was written as a single address.
    return { kind: "address", address: group.endpoints[0]!.address };
  }
}

/** Where each group is used, by its name. */
type Uses = ReadonlyMap<string, readonly string[]>;

/** Groups are in the order of their first use. */
function usesIn(services: readonly ServiceConfig[]): Uses {
  const uses = new Map<string, string[]>();
  const use = (group: GroupConfig, place: string) => {
    uses.set(group.name, [...uses.get(group.name) ?? [], place]);
  };
  for (const { name, routes, upstream } of services) {
    for (const [index, route] of routes.entries()) use(route.upstream, `${name}.routes[${index}]`);
    if (upstream !== undefined) use(upstream, `${name}.upstream`);
  }
  return uses;
}

/** The groups that are used once, and whose names would be the same if written in place. */
function namesInPlace(groups: readonly GroupConfig[], uses: Uses): Set<string> {
  const inPlace = new Set<string>();
  const taken = new Set<string>();
  for (const { name } of groups) {
    const [place, ...others] = uses.get(name) ?? [];
    if (place !== undefined && others.length === 0 && untakenName(place, taken) === name) inPlace.add(name);
    taken.add(name);
  }
  return inPlace;
}

/** How many groups must be under `upstreams`: the others are already in the order of their first use. */
function countNamed(groups: readonly GroupConfig[], uses: Uses, inPlace: ReadonlySet<string>): number {
  const order = new Map([...uses.keys()].map((name, index) => [name, index]));
  let next = Infinity;
  for (const [index, { name }] of [...groups.entries()].reverse()) {
    const mustBeNamed = new RegExp(GROUP_NAME_PATTERN).test(name) && !inPlace.has(name);
    const use = order.get(name);
    if (mustBeNamed || use === undefined || use > next) return index + 1;
    next = use;
  }
  return 0;
}
