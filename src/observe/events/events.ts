/** What happens in the proxy, as it is spelled in JSON. Times are ISO 8601 in UTC. */

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

/** It has reached its upstream: a group, and one of its endpoints. */
export interface ConnectedEvent extends ConnectionEvent {
  readonly type: "connected";
  readonly upstream: string;
  readonly endpoint: string;
}

/** It was relayed and has ended; `reason` is the key of its ending. */
export interface ClosedEvent extends ConnectionEvent {
  readonly type: "closed";
  readonly endpoint: string;
  readonly reason: string;
  /** From the client, and from the upstream. */
  readonly bytes: { readonly upload: number; readonly download: number };
  readonly duration_ms: number;
}

/** It was not let in, or did not get as far as its upstream; `reason` is the code of the error. */
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
  /** What health checks and failures of connections say. */
  readonly state: "unknown" | "up" | "down" | "ejected";
  /** What an operator has said. */
  readonly admin: "up" | "down" | "drain";
  readonly reason: string;
}

/** Certificates were read and log files opened anew; with `ok` false, not all could be used. */
export interface ReloadEvent {
  readonly type: "reload";
  readonly time: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** The proxy has begun to stop, with so many connections open. */
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
