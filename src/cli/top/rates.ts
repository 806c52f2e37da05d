/** Rates, from two readings of counters. */

import type { ConnectionPage, StatsEvent } from "../../admin/views.ts";

/** Per second. Undefined until there are two readings. */
export type Rate = number | undefined;

/** Bytes a second: from the client, and from the upstream. */
export interface ByteRates {
  readonly upload: Rate;
  readonly download: Rate;
}

export const UNKNOWN_RATES: ByteRates = { upload: undefined, download: undefined };

/** Rates between two readings. */
export interface StatsRates {
  /** By name of the service. */
  readonly services: ReadonlyMap<string, ByteRates & { readonly connections: Rate }>;
  /** Connects by name of the group and address of the endpoint, see {@linkcode endpointKey}. */
  readonly endpoints: ReadonlyMap<string, Rate>;
}

/** A list of connections, with the time at which it was read, in milliseconds of a monotonic clock. */
export interface Reading {
  readonly page: ConnectionPage;
  readonly at: number;
}

/** The traffic of a connection. */
interface Traffic {
  /** Bytes at the last reading. */
  readonly upload: number;
  readonly download: number;
  readonly at: number;
  readonly rates: ByteRates;
}

export type TrafficById = ReadonlyMap<number, Traffic>;

/** The shortest time between two readings that gives a meaningful rate, in milliseconds. */
const MIN_INTERVAL = 500;

/** Up to this age, in milliseconds, the average since a connection was opened is shown as its rate. */
const MAX_NEW_AGE = 2000;

/** Empty for the first reading, and after a restart of the proxy. */
export function statsRates(before: StatsEvent | undefined, now: StatsEvent): StatsRates {
  const services = new Map<string, ByteRates & { connections: Rate }>();
  const endpoints = new Map<string, Rate>();
  if (before === undefined || before.status.started_at !== now.status.started_at) {
    return { services, endpoints };
  }
  const seconds = (Date.parse(now.time) - Date.parse(before.time)) / 1000;
  for (const { name, bytes, connections } of now.services) {
    const earlier = before.services.find((service) => service.name === name);
    if (earlier === undefined) continue;
    services.set(name, {
      upload: rate(earlier.bytes.upload, bytes.upload, seconds),
      download: rate(earlier.bytes.download, bytes.download, seconds),
      connections: rate(earlier.connections.total, connections.total, seconds),
    });
  }
  const connects = new Map(endpointsOf(before));
  for (const [key, count] of endpointsOf(now)) {
    const earlier = connects.get(key);
    if (earlier !== undefined) endpoints.set(key, rate(earlier, count, seconds));
  }
  return { services, endpoints };
}

/** The traffic of each connection of a list, by id. */
export function nextTraffic(before: TrafficById, { page, at }: Reading): TrafficById {
  return new Map(page.connections.map(({ id, age_ms, bytes }) => {
    const earlier = before.get(id);
    // A list that a key has requested, soon after the last one, gives no new rates.
    if (earlier !== undefined && at - earlier.at < MIN_INTERVAL) return [id, earlier];
    const isNew = age_ms >= MIN_INTERVAL && age_ms <= MAX_NEW_AGE;
    const since = earlier ?? (isNew ? { upload: 0, download: 0, at: at - age_ms } : undefined);
    const seconds = since === undefined ? 0 : (at - since.at) / 1000;
    const rates = {
      upload: rate(since?.upload ?? 0, bytes.upload, seconds),
      download: rate(since?.download ?? 0, bytes.download, seconds),
    };
    return [id, { ...bytes, at, rates }];
  }));
}

/** Unambiguous, because names of groups have no spaces. */
export function endpointKey(group: string, address: string): string {
  return `${group} ${address}`;
}

function endpointsOf({ upstreams }: StatsEvent): [key: string, connects: number][] {
  return upstreams.flatMap(({ name, endpoints }) =>
    endpoints.map(({ address, connects }): [string, number] => [endpointKey(name, address), connects])
  );
}

/** Undefined for a counter that went back, because it was reset. */
function rate(before: number, now: number, seconds: number): Rate {
  return seconds > 0 && now >= before ? (now - before) / seconds : undefined;
}
