/** The JSON of the admin interface, documented in docs/api.md. Times are ISO 8601 in UTC. */

import type { ProxyEvent } from "../observe/events/events.ts";

export type {
  ConnectionPage,
  ConnectionQuery,
  ConnectionSnapshot as ConnectionView,
  SortKey,
} from "../observe/counters/connection_list.ts";

/** `GET /api/v1/status`: the program. */
export interface StatusView {
  readonly version: string;
  readonly deno: string;
  readonly pid: number;
  readonly started_at: string;
  readonly state: "running" | "draining";
  readonly ready: boolean;
  /** Why it is not ready, in words. */
  readonly not_ready: readonly string[];
  readonly threads: number;
  /** Open connections of all services, and their limit; null is no limit. */
  readonly connections: { readonly active: number; readonly limit: number | null };
}

/** `GET /api/v1/services`: a list of these. */
export interface ServiceView {
  readonly name: string;
  readonly state: "listening" | "draining";
  /** As in a configuration, with the real ports. */
  readonly listen: readonly string[];
  /** The names of its upstream groups, the default one last. */
  readonly upstreams: readonly string[];
  readonly connections: {
    /** Accepted since the start, and open. */
    readonly total: number;
    readonly active: number;
    /** Null is no limit. */
    readonly limit: number | null;
    /** Since the start: those that did not reach an upstream, without those ended on purpose. */
    readonly failed: number;
    /** Since the start: those refused by access rules or limits. */
    readonly refused: number;
  };
  /** Counts by reason: `connect_timeout`, `killed`, …; only those that occurred, those on purpose too. */
  readonly failed_by: Readonly<Record<string, number>>;
  /** Counts by reason: `access_denied`, `connection_limit`, …; only those that occurred. */
  readonly refused_by: Readonly<Record<string, number>>;
  /** Counts by reason: `client_closed`, `upstream_reset`, `idle_timeout`, …; only those that occurred. */
  readonly closed_by: Readonly<Record<string, number>>;
  /** From clients and from upstreams since the start, including open connections. */
  readonly bytes: { readonly upload: number; readonly download: number };
  /** Null without TLS. */
  readonly tls: { readonly certificates: readonly CertificateView[] } | null;
}

export interface CertificateView {
  readonly subject: string;
  readonly names: readonly string[];
  readonly expires_at: string;
}

/** `GET /api/v1/upstreams`: a list of these. */
export interface UpstreamView {
  readonly name: string;
  readonly balance: string;
  readonly endpoints: readonly EndpointView[];
  /** The pools of all services together; null without a pool. */
  readonly pool: {
    readonly idle: number;
    readonly hits: number;
    readonly misses: number;
    readonly expired: number;
    readonly lost: number;
  } | null;
}

export interface EndpointView {
  readonly address: string;
  /** Found by health checks and failures of connections. */
  readonly state: "unknown" | "up" | "down" | "ejected";
  /** Set by an operator: `drain` gets no new connections, `down` also closes open ones. */
  readonly admin: "up" | "down" | "drain";
  readonly weight: number;
  readonly backup: boolean;
  readonly active: number;
  /** Null is no limit. */
  readonly max_connections: number | null;
  readonly connects: number;
  readonly failures: number;
}

/**
 * The events of `GET /api/v1/events`: the SSE event type is `type`, its data is the whole object as JSON. `reason` is
 * a key of `closed_by` or `refused_by`.
 */
export type AdminEvent = ProxyEvent | StatsEvent | DroppedEvent;

/** At the start of the stream and every second; not with `?stats=0`. */
export interface StatsEvent {
  readonly type: "stats";
  readonly time: string;
  readonly status: StatusView;
  readonly services: readonly ServiceView[];
  readonly upstreams: readonly UpstreamView[];
}

/** So many events were dropped because the client was too slow. */
export interface DroppedEvent {
  readonly type: "dropped";
  readonly time: string;
  readonly count: number;
}
