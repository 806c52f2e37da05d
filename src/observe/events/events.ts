/** Events as they are in JSON. Times are ISO 8601 in UTC. */

/**
 * What the events of a connection have in common.
 *
 * @example Count the events of each connection
 * ```ts
 * import type { ConnectionEvent } from "@sluice/sluice";
 *
 * const counts = new Map<number, number>();
 * function count({ id }: ConnectionEvent): void {
 *   counts.set(id, (counts.get(id) ?? 0) + 1);
 * }
 * ```
 */
export interface ConnectionEvent {
  /** ISO 8601 in UTC. */
  readonly time: string;
  /** Unique in the process. */
  readonly id: number;
  /** The name of its service. */
  readonly service: string;
  /** The client's address. */
  readonly client: string;
}

/**
 * A connection was accepted.
 *
 * @example Describe it
 * ```ts
 * import type { OpenedEvent } from "@sluice/sluice";
 *
 * function describe({ id, client }: OpenedEvent): string {
 *   return `#${id} from ${client}`;
 * }
 * ```
 */
export interface OpenedEvent extends ConnectionEvent {
  /** The kind of event. */
  readonly type: "opened";
}

/**
 * A connection has reached an endpoint of its upstream group.
 *
 * @example Describe it
 * ```ts
 * import type { ConnectedEvent } from "@sluice/sluice";
 *
 * function describe({ id, endpoint }: ConnectedEvent): string {
 *   return `#${id} to ${endpoint}`;
 * }
 * ```
 */
export interface ConnectedEvent extends ConnectionEvent {
  /** The kind of event. */
  readonly type: "connected";
  /** The group. */
  readonly upstream: string;
  /** The address that it is connected to. */
  readonly endpoint: string;
  /** The IP address and port of the upstream `{sni}:443`, whose endpoint has the name that the client asked for. */
  readonly address?: string;
}

/**
 * A fault has begun to act on a connection.
 *
 * @example Describe it
 * ```ts
 * import type { FaultEvent } from "@sluice/sluice";
 *
 * function describe({ id, fault }: FaultEvent): string {
 *   return `#${id}: ${fault}`;
 * }
 * ```
 */
export interface FaultEvent extends ConnectionEvent {
  /** The kind of event. */
  readonly type: "fault";
  /** The name of the fault. */
  readonly fault: string;
}

/**
 * A connection was relayed and has ended; `reason` is the key of its close reason.
 *
 * @example Describe it
 * ```ts
 * import type { ClosedEvent } from "@sluice/sluice";
 *
 * function describe({ id, reason, bytes }: ClosedEvent): string {
 *   return `#${id}: ${reason} after ${bytes.upload} and ${bytes.download} bytes`;
 * }
 * ```
 */
export interface ClosedEvent extends ConnectionEvent {
  /** The kind of event. */
  readonly type: "closed";
  /** The address that it was connected to. */
  readonly endpoint: string;
  /** The IP address and port of the upstream `{sni}:443`, whose endpoint has the name that the client asked for. */
  readonly address?: string;
  /** Such as `client_closed` or `idle_timeout`. */
  readonly reason: string;
  /** Bytes from the client, and from the upstream. */
  readonly bytes: { readonly upload: number; readonly download: number };
  /** From accept to close, in milliseconds. */
  readonly duration_ms: number;
}

/**
 * A connection was refused, or ended before it reached its upstream; `reason` is the code of the error.
 *
 * @example Describe it
 * ```ts
 * import type { NotRelayedEvent } from "@sluice/sluice";
 *
 * function describe({ type, detail }: NotRelayedEvent): string {
 *   return `${type}: ${detail}`;
 * }
 * ```
 */
export interface NotRelayedEvent extends ConnectionEvent {
  /** `refused` by access rules or limits, or `failed`. */
  readonly type: "refused" | "failed";
  /** Such as `access_denied` or `connection_refused`. */
  readonly reason: string;
  /** The reason in words. */
  readonly detail: string;
}

/**
 * The state of an endpoint has changed.
 *
 * @example Describe it
 * ```ts
 * import type { EndpointEvent } from "@sluice/sluice";
 *
 * function describe({ endpoint, state, reason }: EndpointEvent): string {
 *   return `${endpoint} is ${state}: ${reason}`;
 * }
 * ```
 */
export interface EndpointEvent {
  /** The kind of event. */
  readonly type: "endpoint";
  /** ISO 8601 in UTC. */
  readonly time: string;
  /** The group. */
  readonly upstream: string;
  /** Its address. */
  readonly endpoint: string;
  /** Found by health checks and failures of connections. */
  readonly state: "unknown" | "up" | "down" | "ejected";
  /** Set by an operator. */
  readonly admin: "up" | "down" | "drain";
  /** The cause of the change. */
  readonly reason: string;
}

/**
 * A reload has ended; `ok` is false when something could not be used.
 *
 * @example Describe it
 * ```ts
 * import type { ReloadEvent } from "@sluice/sluice";
 *
 * function describe({ ok, detail }: ReloadEvent): string {
 *   return `${ok ? "in use" : "refused"}: ${detail}`;
 * }
 * ```
 */
export interface ReloadEvent {
  /** The kind of event. */
  readonly type: "reload";
  /** ISO 8601 in UTC. */
  readonly time: string;
  /** Whether everything is in use. */
  readonly ok: boolean;
  /** What has changed, or what is wrong. */
  readonly detail: string;
}

/**
 * The proxy is stopping; `open` connections are open.
 *
 * @example Describe it
 * ```ts
 * import type { DrainEvent } from "@sluice/sluice";
 *
 * function describe({ open }: DrainEvent): string {
 *   return `waiting for ${open} connections`;
 * }
 * ```
 */
export interface DrainEvent {
  /** The kind of event. */
  readonly type: "drain";
  /** ISO 8601 in UTC. */
  readonly time: string;
  /** How many connections are open. */
  readonly open: number;
}

/**
 * What happens in a proxy.
 *
 * @example Print everything until the proxy stops
 * ```ts
 * import { type ProxyEvent, startProxy } from "@sluice/sluice";
 *
 * const proxy = await startProxy({ upstream: "127.0.0.1:5432" });
 * const types: ProxyEvent["type"][] = [];
 * const reading = (async () => {
 *   for await (const event of proxy.events()) types.push(event.type);
 * })();
 * await proxy.stop();
 * await reading;
 * console.log(types); // [ "drain" ]
 * ```
 */
export type ProxyEvent =
  | OpenedEvent
  | ConnectedEvent
  | FaultEvent
  | ClosedEvent
  | NotRelayedEvent
  | EndpointEvent
  | ReloadEvent
  | DrainEvent;
