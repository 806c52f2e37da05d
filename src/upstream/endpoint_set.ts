/** The endpoints of a group, in the order of their tiers, while they come and go. */

import { formatAddress } from "../net/address.ts";
import type { Endpoint, EndpointSpec } from "./endpoint.ts";

export interface EndpointChanges {
  readonly added: readonly Endpoint[];
  readonly removed: readonly Endpoint[];
}

export class EndpointSet {
  readonly #make: (wanted: EndpointSpec) => Endpoint | undefined;
  #tiers: readonly (readonly Endpoint[])[] = [];
  #all: readonly Endpoint[] = [];

  /** @param make Makes an endpoint, or nothing when no more can be accounted for. */
  constructor(make: (wanted: EndpointSpec) => Endpoint | undefined) {
    this.#make = make;
  }

  /** The endpoints to be used first come first. Neither array changes but with the endpoints in it. */
  get tiers(): readonly (readonly Endpoint[])[] {
    return this.#tiers;
  }

  get all(): readonly Endpoint[] {
    return this.#all;
  }

  /** Makes this the whole set. Endpoints that stay as they were keep their connections and their state. */
  replace(wanted: readonly EndpointSpec[]): EndpointChanges {
    const before = new Map(this.#all.map((endpoint) => [identityOf(endpoint), endpoint]));
    const added: Endpoint[] = [];
    const all: Endpoint[] = [];
    for (const each of wanted) {
      const identity = identityOf(each);
      const same = before.get(identity);
      before.delete(identity);
      const endpoint = same ?? this.#make(each);
      if (endpoint === undefined) continue;
      all.push(endpoint);
      if (same === undefined) added.push(endpoint);
    }
    this.#all = all;
    const ranks = [...new Set(all.map(({ tier }) => tier))].sort((a, b) => a - b);
    this.#tiers = ranks.map((rank) => all.filter(({ tier }) => tier === rank));
    return { added, removed: [...before.values()] };
  }
}

/** What makes an endpoint another one: with a new weight it starts anew. */
function identityOf({ address, weight, tier, maxConnections }: EndpointSpec): string {
  return `${formatAddress(address)} ${weight} ${tier} ${maxConnections}`;
}
