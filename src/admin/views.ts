/** What the admin interface shows, as it is spelled in JSON. Documented in docs/api.md. Times are ISO 8601 in UTC. */

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
    /** Since the start: their upstream could not be reached; they were not let in. */
    readonly failed: number;
    readonly refused: number;
  };
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

/** Where a connection is on its way. */
export type ConnectionState = "admitting" | "handshake" | "connecting" | "open";

/** One open connection. */
export interface ConnectionView {
  readonly id: number;
  readonly service: string;
  readonly state: ConnectionState;
  /** Address and port; who a PROXY header says, where there is one. */
  readonly client: string;
  /** The peer, where a PROXY header told of another client. */
  readonly peer: string | null;
  /** Where the client connected to. */
  readonly listener: string;
  readonly sni: string | null;
  readonly alpn: string | null;
  readonly tls_version: string | null;
  /** The subject of the client's verified certificate. */
  readonly client_subject: string | null;
  /** The group, and its endpoint tried last. */
  readonly upstream: string | null;
  readonly endpoint: string | null;
  readonly attempts: number;
  readonly opened_at: string;
  readonly age_ms: number;
  readonly bytes: { readonly upload: number; readonly download: number };
}

/** How `GET /api/v1/connections` is asked: `?filter=…&sort=-bytes&offset=0&limit=100`. */
export interface ConnectionQuery {
  /** Text that the service, client, peer, SNI, upstream or endpoint contains, in any case; empty lets all through. */
  readonly filter: string;
  readonly sort: SortKey;
  /** With `-` in front of the key. */
  readonly isDescending: boolean;
  readonly offset: number;
  readonly limit: number;
}

/** `bytes` is the sum of both ways. */
export type SortKey = "id" | "age" | "bytes" | "client" | "service" | "endpoint";

/** `GET /api/v1/connections`. */
export interface ConnectionPage {
  /** Open now, and of these how many the filter lets through. */
  readonly total: number;
  readonly matching: number;
  readonly connections: readonly ConnectionView[];
}

interface ConnectionEvent {
  readonly time: string;
  readonly id: number;
  readonly service: string;
  readonly client: string;
}

/** The events of `GET /api/v1/events`: the SSE event type is `type`, its data is the whole object as JSON. */
export type AdminEvent =
  | ConnectionEvent & { readonly type: "opened" }
  | ConnectionEvent & { readonly type: "connected"; readonly upstream: string; readonly endpoint: string }
  /** It was relayed and has ended; `reason` is a key of `closed_by`. */
  | ConnectionEvent & {
    readonly type: "closed";
    readonly endpoint: string;
    readonly reason: string;
    readonly bytes: { readonly upload: number; readonly download: number };
    readonly duration_ms: number;
  }
  /** It was not let in (`reason` is a key of `refused_by`), or did not get as far as its upstream. */
  | ConnectionEvent & {
    readonly type: "refused" | "failed";
    readonly reason: string;
    readonly detail: string;
  }
  | {
    readonly type: "endpoint";
    readonly time: string;
    readonly upstream: string;
    readonly endpoint: string;
    readonly state: EndpointView["state"];
    readonly admin: EndpointView["admin"];
    readonly reason: string;
  }
  | { readonly type: "reload"; readonly time: string; readonly ok: boolean; readonly detail: string }
  | { readonly type: "drain"; readonly time: string; readonly open: number }
  | StatsEvent
  | DroppedEvent;

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
