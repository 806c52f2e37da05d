/** From counters read twice to rates. */

import type { ConnectionPage, StatsEvent } from "../../admin/views.ts";

/** A second, of whatever the counter counts. Undefined until there are two readings. */
export type Rate = number | undefined;

/** Bytes a second: from the client, and from the upstream. */
export interface ByteRates {
  readonly upload: Rate;
  readonly download: Rate;
}

export const UNKNOWN_RATES: ByteRates = { upload: undefined, download: undefined };

/** What happened a second between two readings. */
export interface StatsRates {
  /** By name of the service. */
  readonly services: ReadonlyMap<string, ByteRates & { readonly connections: Rate }>;
  /** Connects by name of the group and address of the endpoint, see {@linkcode endpointKey}. */
  readonly endpoints: ReadonlyMap<string, Rate>;
}

/** A list of connections, and when it was read, in milliseconds of a clock that only goes forward. */
export interface Reading {
  readonly page: ConnectionPage;
  readonly at: number;
}

/** What is known of the traffic of a connection. */
interface Traffic {
  /** Bytes when they were read last. */
  readonly upload: number;
  readonly download: number;
  readonly at: number;
  readonly rates: ByteRates;
}

export type TrafficById = ReadonlyMap<number, Traffic>;

/** A rate over less than this is chance, in milliseconds. */
const SHORTEST_SPAN = 500;

/** How old a connection may be, in milliseconds, for its average since it opened to stand for its rate. */
const LONGEST_YOUTH = 2000;

/** Without a reading before, or when the proxy was started anew in between, nothing is known. */
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

/** By id: the rates of each connection of a list, and what the next ones are reckoned from. */
export function nextTraffic(before: TrafficById, { page, at }: Reading): TrafficById {
  return new Map(page.connections.map(({ id, age_ms, bytes }) => {
    const earlier = before.get(id);
    // Lists that follow closely on a key tell nothing new.
    if (earlier !== undefined && at - earlier.at < SHORTEST_SPAN) return [id, earlier];
    const isYoung = age_ms >= SHORTEST_SPAN && age_ms <= LONGEST_YOUTH;
    const since = earlier ?? (isYoung ? { upload: 0, download: 0, at: at - age_ms } : undefined);
    const seconds = since === undefined ? 0 : (at - since.at) / 1000;
    const rates = {
      upload: rate(since?.upload ?? 0, bytes.upload, seconds),
      download: rate(since?.download ?? 0, bytes.download, seconds),
    };
    return [id, { ...bytes, at, rates }];
  }));
}

/** Names of groups have no blanks. */
export function endpointKey(group: string, address: string): string {
  return `${group} ${address}`;
}

function endpointsOf({ upstreams }: StatsEvent): [key: string, connects: number][] {
  return upstreams.flatMap(({ name, endpoints }) =>
    endpoints.map(({ address, connects }): [string, number] => [endpointKey(name, address), connects])
  );
}

/** A counter that went back was begun anew: nothing is known of that moment. */
function rate(before: number, now: number, seconds: number): Rate {
  return seconds > 0 && now >= before ? (now - before) / seconds : undefined;
}
