/** What the connections of a service share. */

import type { ServiceConfig } from "../config/config.ts";
import type { Deadlines, IdleClock, LifetimeClock } from "../net/timers/timeouts.ts";
import type { ConnectionRecord, ServiceLedger } from "../observe/counters/ledger.ts";
import type { EventFeed } from "../observe/events/event_feed.ts";
import type { AccessLog } from "../observe/log/access_log.ts";
import type { ConnectionSpans } from "../observe/telemetry/connection_spans.ts";
import type { Connector } from "../upstream/connector.ts";
import type { Preface } from "../upstream/upstream_dialer.ts";
import type { AdmissionControl } from "./admission.ts";
import type { ClientFacts } from "./client_facts.ts";
import type { ServiceFaults } from "./faults.ts";
import type { AddStages } from "./stages.ts";
import type { Terminator } from "./tls_termination.ts";

/** The destination of a connection. `route` is the index of its route; undefined is the service's own upstream. */
export interface Target {
  readonly connector: Pick<Connector, "group" | "connect">;
  readonly route: number | undefined;
  /** TLS with its clients, if that begins once the route is chosen. */
  readonly tls: Terminator | undefined;
}

export interface ConnectionContext {
  readonly config: ServiceConfig;
  readonly admission: AdmissionControl;
  readonly ledger: Pick<ServiceLedger, "open">;
  readonly accessLog: Pick<AccessLog, "opened" | "connected" | "ended">;
  readonly events: Pick<EventFeed, "isSubscribed" | "opened" | "connected" | "faultApplied" | "ended">;
  /** Exports a span for each connection; undefined while nothing is exported. */
  readonly spans: Pick<ConnectionSpans, "ended"> | undefined;
  readonly idleClock: IdleClock;
  /** Limits the age of connections; undefined is no limit. */
  readonly lifetimes: Pick<LifetimeClock, "watch"> | undefined;
  /** How long PROXY headers may take; undefined when none are expected. */
  readonly headerDeadlines: Deadlines | undefined;
  readonly peekDeadlines: Deadlines;
  /** TLS with clients, whatever their route; undefined where there is none, or where the route decides. */
  readonly tls: Terminator | undefined;
  /** Undefined where connections can have no faults and no filter. */
  readonly faults: ServiceFaults | undefined;
  /** Adds the stages of the service; undefined without any. */
  readonly addStages: AddStages | undefined;
  /** How many of a client's first bytes may be held for peeking; and the same if a fault needs its ClientHello. */
  readonly readAhead: number;
  readonly longestReadAhead: number;
  /** Aborts when the service stops: waiting clients get no slot any more. */
  readonly stopping: AbortSignal;
  /**
   * Undefined while that depends on bytes that the client may still send.
   *
   * @throws {ProxyError} when the client takes no route.
   */
  route(facts: ClientFacts): Target | undefined;
  /** The first bytes of an upstream connection for a client. */
  prefaceFor(facts: ClientFacts, target: Target): Preface | undefined;
  /** Reports that a filter of the connection threw `cause`. */
  filterFailed(cause: unknown, connection: ConnectionRecord): void;
  /** No descriptor is left, for the client or for its upstream. */
  onShortage(): void;
}
