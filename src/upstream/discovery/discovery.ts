/** Endpoints from DNS, which change over time. */

import type { DiscoveryConfig } from "../../config/config.ts";
import { formatAddress, type TcpAddress } from "../../net/address.ts";
import { sleep } from "../../net/timers/sleep.ts";
import { type DiscoveryEntry, EntryNames } from "./entry_names.ts";
import type { Asking } from "./cached_lookup.ts";
import { DnsResolver, type Resolver } from "./resolver.ts";

export interface DiscoveredEndpoint {
  /** An IP address and a port. */
  readonly address: TcpAddress;
  /** That of the entry times that of the SRV record (0 counts as 1); each address of a name has all of it. */
  readonly weight: number;
  /**
   * 0 is used first. Of an entry's SRV records those with the lowest priority have tier 0, the next ones 1, and so
   * on; backups come after everything else.
   */
  readonly tier: number;
  /** Index of the entry it came from. */
  readonly source: number;
}

export interface DiscoverOptions extends DiscoveryConfig {
  readonly entries: readonly DiscoveryEntry[];
  /**
   * Called with all endpoints whenever they have changed: sorted, and each address once, in its lowest tier. The
   * first time is when every entry was looked up, so that the first answer does not get all connections.
   */
  readonly onEndpoints: (endpoints: readonly DiscoveredEndpoint[]) => void;
  /** A name, of an entry or in an SRV record, cannot be looked up any more; what is known of it is kept. */
  readonly onError: (name: string, error: unknown) => void;
  /** It can again. */
  readonly onRecovered?: (name: string) => void;
  readonly signal: AbortSignal;
}

/** What discovery depends on: by default the name server of the options, real time and real random numbers. */
export interface DiscoverParts {
  readonly resolver?: Resolver;
  /** Milliseconds of a monotonic clock. */
  readonly now?: () => number;
  /** Resolves after this many milliseconds, or when `signal` aborts. */
  readonly wait?: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** From 0 to 1. */
  readonly random?: () => number;
}

/** The interval varies by this fraction in both directions, so that proxies do not all ask at the same time. */
const JITTER = 0.1;

/**
 * Looks up the entries until `signal` aborts: SRV records every `interval`, addresses once their TTL has passed. What
 * has no TTL, or could not be looked up, is asked for again after `interval`. A name that resolves to nothing, for
 * whatever reason, keeps the endpoints it had. Never rejects, and leaves nothing running.
 */
export async function discover(options: DiscoverOptions, parts: DiscoverParts = {}): Promise<void> {
  const { entries, interval, signal } = options;
  const { resolver = new DnsResolver(options.server), wait = sleep, random = Math.random } = parts;
  const now = parts.now ?? (() => performance.now());
  const asking: Asking = {
    now,
    nextTurn: () => now() + interval * (1 + JITTER * (2 * random() - 1)),
    onError: options.onError,
    onRecovered: (name) => options.onRecovered?.(name),
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

/** Reports the endpoints of all entries, if there is something new to report. */
function publisher(
  names: readonly EntryNames[],
  onEndpoints: (endpoints: readonly DiscoveredEndpoint[]) => void,
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

function combined(names: readonly EntryNames[]): DiscoveredEndpoint[] {
  const ordinary = names.filter(({ entry }) => !entry.backup).flatMap(({ endpoints }) => endpoints);
  const firstBackup = Math.max(0, ...ordinary.map(({ rank }) => rank)) + 1;
  const all = names.flatMap(({ entry, endpoints }, source) =>
    endpoints.map(({ address, weight, rank }): DiscoveredEndpoint => ({
      address,
      weight,
      tier: entry.backup ? firstBackup + rank : rank,
      source,
    }))
  );
  all.sort((a, b) =>
    a.tier - b.tier || a.source - b.source || compare(formatAddress(a.address), formatAddress(b.address)) ||
    b.weight - a.weight
  );
  const firsts = new Map<string, DiscoveredEndpoint>();
  for (const endpoint of all) {
    const key = formatAddress(endpoint.address);
    if (!firsts.has(key)) firsts.set(key, endpoint);
  }
  return [...firsts.values()];
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
