/** Endpoints from DNS, which change over time. */

import { formatAddress, type TcpAddress } from "../../../net/address.ts";
import { type DiscoveryEntry, EntryNames } from "./entry_names.ts";
import type { Asking } from "./cached_lookup.ts";
import type { SourceParts } from "../source_parts.ts";
import type { Resolver } from "./resolver.ts";

export interface DnsEndpoint {
  /** An IP address and a port. */
  readonly address: TcpAddress;
  /**
   * The weight of the entry times that of the SRV record (0 counts as 1). Each address of a name has the full weight.
   */
  readonly weight: number;
  /**
   * The lowest tier is used first. The SRV records of an entry with the lowest priority have the entry's tier, the next
   * ones the tier after that, and so on; entries of a higher tier come after all of them.
   */
  readonly tier: number;
  /** Index of the entry it came from. */
  readonly source: number;
}

export interface DiscoverOptions {
  readonly dns: "a" | "srv";
  /** In milliseconds. */
  readonly interval: number;
  readonly entries: readonly DiscoveryEntry[];
  /**
   * Called with all endpoints whenever they have changed: sorted, and each address once, in its lowest tier. Not called
   * before every entry was looked up, so that the first answer does not get all connections.
   */
  readonly onEndpoints: (endpoints: readonly DnsEndpoint[]) => void;
  /** A name, of an entry or in an SRV record, could not be looked up; it keeps its endpoints. */
  readonly onError: (name: string, error: unknown) => void;
  /** A name was looked up. */
  readonly onAnswer: (name: string) => void;
  /** A name is no longer in any SRV record of an entry. */
  readonly onForgotten: (name: string) => void;
  readonly signal: AbortSignal;
}

/** What discovery in DNS depends on. */
export type DiscoverParts = Pick<SourceParts, "now" | "wait" | "random"> & { readonly resolver: Resolver };

/** The interval varies by this fraction in both directions, so that proxies do not all ask at the same time. */
const JITTER = 0.1;

/**
 * Looks up the entries until `signal` aborts: SRV records every `interval`, addresses when their TTL has passed, or
 * after `interval` if they have no TTL or the lookup failed. A name without an answer, for whatever reason, keeps its
 * endpoints. Never rejects, and leaves nothing running.
 */
export async function discover(options: DiscoverOptions, parts: DiscoverParts): Promise<void> {
  const { entries, interval, signal } = options;
  const { resolver, now, wait, random } = parts;
  const asking: Asking = {
    now,
    nextTurn: () => now() + interval * (1 + JITTER * (2 * random() - 1)),
    onError: options.onError,
    onAnswer: options.onAnswer,
    onForgotten: options.onForgotten,
    signal,
  };
  const names = entries.map((entry) => new EntryNames(entry, options.dns, asking, resolver));
  const publish = publisher(names, options.onEndpoints);
  await Promise.all(names.map(async (name) => {
    while (!signal.aborted) {
      const due = await name.ask();
      if (signal.aborted) return;
      publish();
      await wait(Math.max(due - now(), 0), signal);
    }
  }));
}

/** Reports the endpoints of all entries, if they have changed. */
function publisher(
  names: readonly EntryNames[],
  onEndpoints: (endpoints: readonly DnsEndpoint[]) => void,
): () => void {
  let published = "[]";
  return () => {
    if (!names.every(({ hasAsked }) => hasAsked)) return;
    const endpoints = combined(names);
    const text = JSON.stringify(endpoints);
    if (text === published) return;
    published = text;
    onEndpoints(endpoints);
  };
}

function combined(names: readonly EntryNames[]): DnsEndpoint[] {
  const bases = basesOf(names);
  const all = names.flatMap(({ entry, endpoints }, source) =>
    endpoints.map(({ address, weight, rank }): DnsEndpoint => ({
      address,
      weight,
      tier: bases.get(entry.tier)! + rank,
      source,
    }))
  );
  all.sort((a, b) =>
    a.tier - b.tier || a.source - b.source || compare(formatAddress(a.address), formatAddress(b.address)) ||
    b.weight - a.weight
  );
  const firsts = new Map<string, DnsEndpoint>();
  for (const endpoint of all) {
    const key = formatAddress(endpoint.address);
    if (!firsts.has(key)) firsts.set(key, endpoint);
  }
  return [...firsts.values()];
}

/** The first tier of the endpoints of each configured tier. */
function basesOf(names: readonly EntryNames[]): Map<number, number> {
  const bases = new Map<number, number>();
  let next = 0;
  for (const tier of [...new Set(names.map(({ entry }) => entry.tier))].sort((a, b) => a - b)) {
    const base = Math.max(tier, next);
    const ranks = names.filter(({ entry }) => entry.tier === tier).flatMap(({ endpoints }) =>
      endpoints.map(({ rank }) => rank)
    );
    bases.set(tier, base);
    next = Math.max(base, ...ranks.map((rank) => base + rank)) + 1;
  }
  return bases;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
