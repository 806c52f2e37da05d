/** Events as they are in JSON. Times are ISO 8601 in UTC. */

interface ConnectionEvent {
  readonly time: string;
  readonly id: number;
  readonly service: string;
  readonly client: string;
}

/** It was accepted. */
export interface OpenedEvent extends ConnectionEvent {
  readonly type: "opened";
}

/** It has reached an endpoint of its upstream group. */
export interface ConnectedEvent extends ConnectionEvent {
  readonly type: "connected";
  readonly upstream: string;
  readonly endpoint: string;
}

/** It was relayed and has ended; `reason` is the key of its close reason. */
export interface ClosedEvent extends ConnectionEvent {
  readonly type: "closed";
  readonly endpoint: string;
  readonly reason: string;
  /** From the client, and from the upstream. */
  readonly bytes: { readonly upload: number; readonly download: number };
  readonly duration_ms: number;
}

/** It was refused, or ended before it reached its upstream; `reason` is the code of the error. */
export interface NotRelayedEvent extends ConnectionEvent {
  readonly type: "refused" | "failed";
  readonly reason: string;
  readonly detail: string;
}

export interface EndpointEvent {
  readonly type: "endpoint";
  readonly time: string;
  /** The group. */
  readonly upstream: string;
  readonly endpoint: string;
  /** Found by health checks and failures of connections. */
  readonly state: "unknown" | "up" | "down" | "ejected";
  /** Set by an operator. */
  readonly admin: "up" | "down" | "drain";
  readonly reason: string;
}

/** A reload has ended; `ok` is false when something could not be used. */
export interface ReloadEvent {
  readonly type: "reload";
  readonly time: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** The proxy is stopping, with so many connections open. */
export interface DrainEvent {
  readonly type: "drain";
  readonly time: string;
  readonly open: number;
}

export type ProxyEvent =
  | OpenedEvent
  | ConnectedEvent
  | ClosedEvent
  | NotRelayedEvent
  | EndpointEvent
  | ReloadEvent
  | DrainEvent;
