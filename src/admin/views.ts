/** The JSON of the admin interface, documented in docs/api.md. Times are ISO 8601 in UTC. */

import type { ProxyEvent } from "../observe/events/events.ts";
import type { PoolFigures, QueueFigures } from "../observe/metrics/upstream_figures.ts";

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
  /** The reasons why it is not ready, in words. */
  readonly not_ready: readonly string[];
  readonly threads: number;
  /** Open connections of all services, and their limit; null is no limit. */
  readonly connections: { readonly active: number; readonly limit: number | null };
}

/** `GET /api/v1/services`: a list of these. */
export interface ServiceView {
  readonly name: string;
  /** `down`: a fault keeps it from listening. */
  readonly state: "listening" | "draining" | "down";
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
    /** Since the start: connections that did not reach an upstream, except those ended on purpose. */
    readonly failed: number;
    /** Since the start: connections refused by access rules or limits. */
    readonly refused: number;
  };
  /** Counts by reason: `connect_timeout`, `killed`, …; only reasons that occurred, including those on purpose. */
  readonly failed_by: Readonly<Record<string, number>>;
  /** Counts by reason: `access_denied`, `connection_limit`, …; only reasons that occurred. */
  readonly refused_by: Readonly<Record<string, number>>;
  /** Counts by reason: `client_closed`, `upstream_reset`, `idle_timeout`, …; only reasons that occurred. */
  readonly closed_by: Readonly<Record<string, number>>;
  /** From clients and from upstreams since the start, including open connections. */
  readonly bytes: { readonly upload: number; readonly download: number };
  /** Null without TLS, here and in its routes. */
  readonly tls: {
    readonly certificates: readonly CertificateView[];
    /** The files with revocation lists of clients' certificates. */
    readonly crls: readonly RevocationView[];
  } | null;
  /** In the order in which they act. */
  readonly faults: readonly FaultView[];
}

export interface CertificateView {
  /** The index of the route whose clients it is for; null for those of the service. */
  readonly route: number | null;
  readonly subject: string;
  readonly names: readonly string[];
  readonly expires_at: string;
}

export interface RevocationView {
  readonly file: string;
  /** How many certificates are on its lists. */
  readonly revoked: number;
  /** Null if they do not expire. */
  readonly expires_at: string | null;
}

/** `GET /api/v1/upstreams`: a list of these. */
export interface UpstreamView {
  readonly name: string;
  readonly balance: string;
  /** The address of the endpoint that all new connections go to; null unless `stick` is on and it was chosen. */
  readonly stick: string | null;
  readonly endpoints: readonly EndpointView[];
  /** The pools of all services together; null without a pool. */
  readonly pool: PoolFigures | null;
  /** Clients that wait for a place at an endpoint; null without a queue. */
  readonly queue: QueueFigures | null;
  /** Clients that wait until an endpoint is up. */
  readonly waiting: number;
  /** The source of its endpoints; null for those of the configuration. */
  readonly discovery: DiscoveryView | null;
}

/** How the source of a group's endpoints is doing. */
export interface DiscoveryView {
  /** The key of the configuration: `dns`, `file`. */
  readonly source: string;
  /** Where the endpoints come from, in words. */
  readonly from: string;
  /** When the source last answered; null before that. */
  readonly last_success: string | null;
  /** Missing or unusable answers since the start. */
  readonly failures: number;
  /** What could not be asked the last time, and why; null while everything answers. */
  readonly error: string | null;
}

export interface EndpointView {
  readonly address: string;
  /** Found by health checks and failures of connections. */
  readonly state: "unknown" | "up" | "down" | "ejected";
  /** Set by an operator: `drain` gets no new connections, `down` also closes open ones. */
  readonly admin: "up" | "down" | "drain";
  readonly weight: number;
  /** The lowest tier with a usable endpoint is used. */
  readonly tier: number;
  /** Its tier is not 0. */
  readonly backup: boolean;
  readonly active: number;
  /** Null is no limit. */
  readonly max_connections: number | null;
  readonly connects: number;
  readonly failures: number;
  /** The last health check; null before the first one and without checks. */
  readonly check: CheckView | null;
}

export interface CheckView {
  /** `skipped`: sluice had no port or descriptor for it. */
  readonly result: "good" | "bad" | "skipped";
  /** In words: `connection refused`, `answered "-ERR" instead of "+PONG"`. */
  readonly cause: string;
  readonly duration_ms: number;
  readonly at: string;
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

/** `count` events were dropped because the client was too slow. */
export interface DroppedEvent {
  readonly type: "dropped";
  readonly time: string;
  readonly count: number;
}

/** `GET /api/v1/faults`: what can be done to connections on purpose. */
export interface FaultsView {
  /** Whether faults can be added and changed. */
  readonly enabled: boolean;
  /** What random decisions follow from. */
  readonly seed: string;
  readonly types: readonly FaultTypeView[];
  /** Keys that say which connections a fault acts on, and when. */
  readonly triggers: readonly FaultKeyView[];
}

export interface FaultTypeView {
  readonly type: string;
  readonly summary: string;
  /** The direction by default; null for a fault that does not act on bytes, which has none. */
  readonly direction: "upload" | "download" | "both" | null;
  readonly parameters: readonly FaultKeyView[];
  /** The names of those that it can have. */
  readonly triggers: readonly string[];
}

export interface FaultKeyView {
  readonly name: string;
  /** What it takes, in words: `a duration such as "5s"`. */
  readonly expected: string;
  readonly required: boolean;
  /** As in a file; null if there is none. */
  readonly default: string | number | boolean | null;
  /** Null if it takes anything else. */
  readonly choices: readonly string[] | null;
  readonly description: string;
}

/** `GET /api/v1/services/{service}/faults`: a list of these. Its other keys are those of a file. */
export interface FaultView {
  readonly [key: string]: unknown;
  readonly type: string;
  readonly name: string;
  readonly enabled: boolean;
  /** Whether the configuration has it: a reload brings it back. */
  readonly configured: boolean;
  /** The number of connections that it has acted on. */
  readonly applied: number;
}
