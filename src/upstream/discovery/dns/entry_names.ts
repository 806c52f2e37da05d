/** The endpoints of one entry of a group: the names to look up for it, and their addresses. */

import type { TcpAddress } from "../../../net/address.ts";
import { isIpLiteral } from "../../../net/address.ts";
import { type Answer, type Asking, CachedLookup } from "./cached_lookup.ts";
import type { Resolver, ServiceRecord } from "./resolver.ts";

export interface DiscoveryEntry {
  /** What to look up. */
  readonly name: string;
  /** Not used with SRV records, which have ports. */
  readonly port: number;
  readonly weight: number;
  /** That of its endpoints with the lowest priority. */
  readonly tier: number;
}

export interface RankedEndpoint {
  readonly address: TcpAddress;
  readonly weight: number;
  /** The rank of its priority within the entry. */
  readonly rank: number;
}

interface Addresses {
  readonly v4: readonly string[];
  readonly v6: readonly string[];
}

/** The names of an entry: its own, and those in its SRV records. */
export class EntryNames {
  readonly entry: DiscoveryEntry;
  readonly #asking: Asking;
  readonly #resolver: Resolver;
  readonly #services: CachedLookup<readonly ServiceRecord[]>;
  #targets = new Map<string, CachedLookup<Addresses>>();
  /** The last SRV records. */
  endpoints: readonly RankedEndpoint[] = [];
  /** Whether every name was looked up once, successfully or not. */
  hasAsked = false;

  constructor(entry: DiscoveryEntry, dns: "a" | "srv", asking: Asking, resolver: Resolver) {
    this.entry = entry;
    this.#asking = asking;
    this.#resolver = resolver;
    this.#services = new CachedLookup(entry.name, asking, async () => ({
      value: dns === "srv" ? await resolver.services(entry.name, asking.signal) : [itself(entry)],
      ttl: dns === "srv" ? undefined : Infinity,
    }));
  }

  /** Looks up the names that are due; returns when the next one is due, as {@linkcode Asking.now}. Never rejects. */
  async ask(): Promise<number> {
    await this.#services.ask();
    const services = this.#services.value ?? [];
    const before = this.#targets;
    this.#targets = new Map(
      services.map(({ target }) => [target, before.get(target) ?? this.#addressesOf(target)]),
    );
    for (const name of before.keys()) if (!this.#targets.has(name)) this.#asking.onForgotten(name);
    const known = [...this.#targets.values()];
    await Promise.all(known.map((target) => target.ask()));
    const endpoints = this.#endpointsOf(services);
    if (endpoints.length > 0) this.endpoints = endpoints;
    this.hasAsked = true;
    return Math.min(this.#services.due, ...known.map(({ due }) => due));
  }

  #addressesOf(target: string): CachedLookup<Addresses> {
    return new CachedLookup(target, this.#asking, async (last): Promise<Answer<Addresses>> => {
      if (isIpLiteral(target)) return { value: { v4: [target], v6: [] }, ttl: Infinity };
      const { v4, v6, ttl } = await this.#resolver.addresses(target, this.#asking.signal);
      return { value: { v4: v4 ?? last?.v4 ?? [], v6: v6 ?? last?.v6 ?? [] }, ttl };
    });
  }

  #endpointsOf(services: readonly ServiceRecord[]): RankedEndpoint[] {
    const found = services.flatMap(({ target, ...service }) => {
      const { v4, v6 } = this.#targets.get(target)?.value ?? { v4: [], v6: [] };
      return [...v4, ...v6].map((hostname) => ({ hostname, ...service }));
    });
    const priorities = [...new Set(found.map(({ priority }) => priority))].sort((a, b) => a - b);
    return found.map(({ hostname, port, weight, priority }) => ({
      address: { transport: "tcp", hostname, port },
      weight: this.entry.weight * Math.max(weight, 1),
      rank: priorities.indexOf(priority),
    }));
  }
}

/** A name whose addresses are looked up directly, as if it were in an SRV record. */
function itself({ name, port }: DiscoveryEntry): ServiceRecord {
  return { priority: 0, weight: 1, port, target: name };
}
