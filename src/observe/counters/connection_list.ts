/** The list of open connections: filtered, sorted, and one page of it. */

import type { ConnectionRecord, ConnectionState } from "./ledger.ts";

export interface ConnectionQuery {
  /** Text in the service, client, peer, SNI, upstream or endpoint, case-insensitive; empty matches all. */
  readonly filter: string;
  readonly sort: SortKey;
  readonly isDescending: boolean;
  readonly offset: number;
  readonly limit: number;
}

/** `bytes` is the sum of both directions. */
export type SortKey = "id" | "age" | "bytes" | "client" | "service" | "endpoint";

export interface ConnectionPage {
  /** Open connections, and how many of them match the filter. */
  readonly total: number;
  readonly matching: number;
  readonly connections: readonly ConnectionSnapshot[];
}

/** One open connection at one moment, in the JSON of the admin interface. */
export interface ConnectionSnapshot {
  readonly id: number;
  readonly service: string;
  readonly state: ConnectionState;
  readonly client: string;
  readonly peer: string | null;
  readonly listener: string;
  readonly sni: string | null;
  readonly alpn: string | null;
  readonly tls_version: string | null;
  readonly client_subject: string | null;
  readonly upstream: string | null;
  readonly endpoint: string | null;
  /** Where the upstream connection leads, if the client chose the host. */
  readonly address: string | null;
  readonly attempts: number;
  /** The names of the faults that have acted on it. */
  readonly faults: readonly string[];
  /** ISO 8601. */
  readonly opened_at: string;
  readonly age_ms: number;
  readonly bytes: { readonly upload: number; readonly download: number };
}

/** All values of one key are of the same type. */
type SortValue = number | string;

/** The value that records are sorted by. */
const SORT_VALUES: Record<SortKey, (record: ConnectionRecord) => SortValue> = {
  id: ({ id }) => id,
  age: ({ age }) => Math.round(age),
  bytes: ({ fromClient, fromUpstream }) => fromClient.bytes + fromUpstream.bytes,
  client: ({ client }) => client,
  service: ({ service }) => service,
  endpoint: ({ endpoint }) => endpoint,
};

/** The same for snapshots. */
const SNAPSHOT_VALUES: Record<SortKey, (connection: ConnectionSnapshot) => SortValue> = {
  id: ({ id }) => id,
  age: ({ age_ms }) => age_ms,
  bytes: ({ bytes }) => bytes.upload + bytes.download,
  client: ({ client }) => client,
  service: ({ service }) => service,
  endpoint: ({ endpoint }) => endpoint ?? "",
};

/** Connections with equal values are sorted by their ids. */
export function listConnections(
  records: readonly ConnectionRecord[],
  query: ConnectionQuery,
): ConnectionPage {
  const { filter, sort, isDescending, offset, limit } = query;
  const matching = filter === "" ? records : records.filter(matcher(filter));
  // Read once, because ages and bytes must not change during the sort.
  const keyed = matching.map((connection) => ({ connection, value: SORT_VALUES[sort](connection) }));
  keyed.sort(comparer(isDescending));
  return {
    total: records.length,
    matching: matching.length,
    connections: keyed.slice(offset, offset + limit).map(({ connection, value }) => {
      const snapshot = snapshotOf(connection);
      // Ages have changed in the meantime: the page shows those that it was sorted by.
      return sort === "age" ? { ...snapshot, age_ms: value as number } : snapshot;
    }),
  };
}

/**
 * The page of the connections of all threads.
 *
 * @param pages The answer of each thread to {@linkcode queryOfEachThread}.
 */
export function mergeConnectionPages(
  pages: readonly ConnectionPage[],
  { sort, isDescending, offset, limit }: ConnectionQuery,
): ConnectionPage {
  const keyed = pages.flatMap(({ connections }) =>
    connections.map((connection) => ({ connection, value: SNAPSHOT_VALUES[sort](connection) }))
  );
  keyed.sort(comparer(isDescending));
  return {
    total: pages.reduce((sum, { total }) => sum + total, 0),
    matching: pages.reduce((sum, { matching }) => sum + matching, 0),
    connections: keyed.slice(offset, offset + limit).map(({ connection }) => connection),
  };
}

/** The query for each thread: any of its first `offset + limit` connections may be on the page. */
export function queryOfEachThread(query: ConnectionQuery): ConnectionQuery {
  return { ...query, offset: 0, limit: query.offset + query.limit };
}

interface Keyed {
  readonly connection: { readonly id: number };
  readonly value: SortValue;
}

function comparer(isDescending: boolean): (a: Keyed, b: Keyed) => number {
  const sign = isDescending ? -1 : 1;
  return (a, b) => {
    if (a.value !== b.value) return a.value < b.value ? -sign : sign;
    return a.connection.id - b.connection.id;
  };
}

function matcher(filter: string): (record: ConnectionRecord) => boolean {
  const pattern = new RegExp(RegExp.escape(filter), "iu");
  return ({ service, client, peer, serverName, upstream, endpoint, address }) =>
    pattern.test(service) || pattern.test(client) || pattern.test(upstream) || pattern.test(endpoint) ||
    peer !== undefined && pattern.test(peer) || serverName !== undefined && pattern.test(serverName) ||
    address !== undefined && pattern.test(address);
}

function snapshotOf(record: ConnectionRecord): ConnectionSnapshot {
  const { id, service, state, client, listener, attempts } = record;
  return {
    id,
    service,
    state,
    client,
    peer: record.peer ?? null,
    listener,
    sni: record.serverName ?? null,
    alpn: record.alpn ?? null,
    tls_version: record.tlsVersion ?? null,
    client_subject: record.clientSubject ?? null,
    upstream: record.upstream || null,
    endpoint: record.endpoint || null,
    address: record.address ?? null,
    attempts,
    faults: record.faults ?? [],
    opened_at: new Date(record.openedAt).toISOString(),
    age_ms: Math.round(record.age),
    bytes: { upload: record.fromClient.bytes, download: record.fromUpstream.bytes },
  };
}
