/** What the admin interface shows, as it is spelled in JSON. Documented in docs/api.md. Times are ISO 8601 in UTC. */

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
  /** Open now over all services, and how many there may be; null is no limit. */
  readonly connections: { readonly active: number; readonly limit: number | null };
}

/** `GET /api/v1/services`: a list of these. */
export interface ServiceView {
  readonly name: string;
  readonly state: "listening" | "draining";
  /** As in a configuration, with the real ports. */
  readonly listen: readonly string[];
  /** The names of the upstream groups that it leads to, the default one last. */
  readonly upstreams: readonly string[];
  readonly connections: {
    /** Accepted since the start, and open now. */
    readonly total: number;
    readonly active: number;
    /** How many there may be; null is no limit. */
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
  /** Since the start, those of open connections included: from clients, and from upstreams. */
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
  /** Connections opened ahead, over all services; null without a pool. */
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
  /** What health checks and failures of connections say. */
  readonly state: "unknown" | "up" | "down" | "ejected";
  /** What an operator has said: with `drain` it gets no new connections, with `down` its open ones end too. */
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

/** Once a second, and at once when the stream begins; with `?stats=0` never. */
export interface StatsEvent {
  readonly type: "stats";
  readonly time: string;
  readonly status: StatusView;
  readonly services: readonly ServiceView[];
  readonly upstreams: readonly UpstreamView[];
}

/** So many events were left out because the reader was too slow. */
export interface DroppedEvent {
  readonly type: "dropped";
  readonly time: string;
  readonly count: number;
}
