/** A service: admits clients, routes them, and runs their connections. */

import type { GroupConfig, MirrorConfig, ServiceConfig } from "../config/config.ts";
import type { Steps } from "../config/input/steps.ts";
import type { FilterFactory } from "../config/filter.ts";
import type { ListenAddress } from "../net/address.ts";
import { type Adapter, adapterFor, type Conn } from "../net/socket/conn.ts";
import { Deadlines, IdleClock, LifetimeClock } from "../net/timers/timeouts.ts";
import { OwnListeners } from "../net/socket/own_listeners.ts";
import { type ErrorCode, ProxyError, proxyErrorOf, type Side } from "../net/errors.ts";
import { type AccessLog, recordLostClient } from "../observe/log/access_log.ts";
import type { EventFeed } from "../observe/events/event_feed.ts";
import type { ConnectionRecord, ServiceLedger } from "../observe/counters/ledger.ts";
import { messageOf, stackOf } from "../observe/log/error_text.ts";
import type { Log } from "../observe/log/log.ts";
import type { ConnectionSpans } from "../observe/telemetry/connection_spans.ts";
import type { Group } from "../upstream/group.ts";
import type { Preface } from "../upstream/upstream_dialer.ts";
import type { UpstreamTls, UpstreamTlsMaterial } from "../upstream/upstream_tls.ts";
import { MAX_PROXY_HEADER } from "../wire/proxy_protocol/header.ts";
import type { AdmissionControl } from "./admission.ts";
import type { ClientFacts } from "./client_facts.ts";
import { Connection } from "./connection.ts";
import type { ConnectionContext, Target } from "./connection_context.ts";
import type { FileLists } from "./file_lists.ts";
import type { ServiceFaults } from "./faults.ts";
import { Mirror } from "./mirror.ts";
import { stagesOf } from "./stages.ts";
import { Targets } from "./targets.ts";
import type { ServiceTls, ServiceTlsMaterial } from "./tls_termination.ts";

/** The parts that a service is made from. */
export interface ServiceParts {
  /** Every group of the configuration, by name. */
  readonly groups: ReadonlyMap<string, Group>;
  /** What groups will have once the service begins; their own, unless given. */
  readonly configs?: ReadonlyMap<string, GroupConfig>;
  readonly admission: AdmissionControl;
  /** Its accounts. */
  readonly ledger: ServiceLedger;
  /** Logs its connections, and publishes events. */
  readonly accessLog: AccessLog;
  readonly events: EventFeed;
  /** Exports a span for each of its connections. */
  readonly spans?: ConnectionSpans | undefined;
  /** Of all services. */
  readonly lists?: FileLists;
  /** Where the program listens. */
  readonly ownListeners?: OwnListeners;
  /** Where it listens itself. */
  readonly addresses?: readonly ListenAddress[];
  /** In the order in which bytes pass them. */
  readonly filters: readonly FilterFactory[];
  /** Undefined where connections can have no faults and no filter. */
  readonly faults: ServiceFaults | undefined;
  /** TLS of this service and its routes. */
  readonly tls: ServiceTls;
  readonly upstreamTls: UpstreamTls | undefined;
  readonly log: Log;
  /** Called when descriptors ran out for a client or its upstream connection. */
  readonly onShortage: () => void;
}

export class Service implements ConnectionContext {
  readonly config: ServiceConfig;
  readonly admission: AdmissionControl;
  readonly ledger: ServiceLedger;
  readonly accessLog: AccessLog;
  readonly events: EventFeed;
  readonly spans: ConnectionSpans | undefined;
  readonly idleClock: IdleClock;
  /** The longest life of a connection; undefined is no limit. */
  readonly lifetimes: LifetimeClock | undefined;
  /** How long PROXY headers may take; undefined when none are expected. */
  readonly headerDeadlines: Deadlines | undefined;
  readonly peekDeadlines: Deadlines;
  readonly tls: ConnectionContext["tls"];
  /** How many of a client's first bytes may be held for peeking. */
  readonly readAhead: number;
  readonly longestReadAhead: number;
  readonly faults: ServiceFaults | undefined;
  readonly addStages: ConnectionContext["addStages"];
  /** Of both legs. */
  readonly adapter: Adapter;
  readonly #parts: ServiceParts;
  readonly #targets: Targets;
  /** The target of every client, if there is nothing to choose. */
  readonly #only: Target | undefined;
  readonly #mirror: Mirror | undefined;
  readonly #stopping = new AbortController();
  #open = 0;
  #onGone: (() => void) | undefined;

  private constructor(config: ServiceConfig, parts: ServiceParts, targets: Targets) {
    this.config = config;
    this.#parts = parts;
    this.admission = parts.admission;
    this.ledger = parts.ledger;
    this.accessLog = parts.accessLog;
    this.events = parts.events;
    this.spans = parts.spans;
    this.idleClock = new IdleClock(config.idleTimeout, config.halfCloseTimeout);
    const { limits, acceptProxyProtocol, peek } = config;
    if (limits.lifetime > 0) this.lifetimes = new LifetimeClock(limits.lifetime);
    if (acceptProxyProtocol !== undefined) {
      this.headerDeadlines = deadlines(acceptProxyProtocol.timeout, "proxy_header_timeout", "client");
    }
    this.peekDeadlines = deadlines(peek.timeout, "timed_out", "client");
    this.tls = parts.tls.beforeRoute;
    this.faults = parts.faults;
    this.adapter = adapterFor(config);
    this.#targets = targets;
    this.#only = targets.only;
    const header = acceptProxyProtocol === undefined ? 0 : MAX_PROXY_HEADER;
    this.longestReadAhead = header + (this.tls === undefined ? peek.maxBytes : 0);
    this.readAhead = this.#targets.peeks ? this.longestReadAhead : header;
    this.#mirror = config.mirror && this.#mirrorOf(config.mirror);
    this.addStages = stagesOf(config, parts.filters, this.#mirror);
  }

  /** Makes a service, a route per step. */
  static *of(config: ServiceConfig, parts: ServiceParts): Steps<Service> {
    const { connectTimeout, nodelay, keepalive, sourceAddress, sendProxyProtocol, peek } = config;
    const ownListeners = new OwnListeners();
    ownListeners.set(parts.addresses ?? []);
    const dialing = {
      ownListeners,
      adapter: adapterFor(config),
      connectTimeout,
      nodelay,
      keepalive,
      sourceAddress,
      tls: parts.upstreamTls,
      hasPreface: sendProxyProtocol !== undefined || peek.starttls !== undefined,
    };
    return new Service(config, parts, yield* Targets.of(config, { ...parts, dialing }));
  }

  /** Aborts when waiting clients get no slot any more. */
  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  route(facts: ClientFacts): Target | undefined {
    return this.#only ?? this.#targets.find(facts);
  }

  /** What an upstream connection for a client begins with. */
  prefaceFor(facts: ClientFacts, { tls }: Target): Preface | undefined {
    return facts.toPreface(this.config, tls === undefined);
  }

  /** New handshakes with clients use these files. */
  updateTls(material: ServiceTlsMaterial): void {
    this.#parts.tls.update(material);
  }

  /** New connections to upstreams use these files, and no earlier connection is handed out. */
  updateUpstreamTls(material: UpstreamTlsMaterial): void {
    if (this.#parts.upstreamTls?.update(material) === true) this.#targets.renew();
  }

  /** Opens connections ahead, if there are warm pools. */
  start(): void {
    this.#targets.start();
  }

  /**
   * Serves a client. With `when_full: wait`, returns a promise that resolves when the client has its slot; accept no
   * other client before.
   */
  readonly handle = (client: Conn): Promise<void> | undefined => {
    const connection = new Connection(client, this);
    const entered = this.config.limits.whenFull === "wait" ? connection.entered() : undefined;
    this.#open += 1;
    connection.run().then(this.#onEnded, this.#onBroken);
    return entered;
  };

  /** A client of `listen` reset before it was accepted. */
  lost(listen: string): void {
    recordLostClient(this, listen);
  }

  /** @param failures How many attempts to accept have failed since the last call. */
  acceptFailed(listen: string, error: unknown, failures: number): void {
    const { name: service } = this.config;
    this.ledger.acceptFailed(failures);
    if (proxyErrorOf(error, "proxy").code === "too_many_open_files") this.onShortage();
    this.#parts.log.error(`${service}: cannot accept connections, trying again`, {
      event: "accept_failed",
      service,
      listen,
      failures,
      detail: messageOf(error),
    });
  }

  /** Logs that a listener could not be changed, and continues as before. */
  listenerKept(listen: string, error: unknown): void {
    const { name: service } = this.config;
    this.#parts.log.error(`${service}: cannot change ${listen}, it continues as before`, {
      event: "listener_not_changed",
      service,
      listen,
      detail: messageOf(error),
    });
  }

  onShortage(): void {
    this.#parts.onShortage();
  }

  /** Logs that the filter of a connection failed, with the stack for its author. */
  filterFailed(cause: unknown, { id, client }: ConnectionRecord): void {
    const { name: service } = this.config;
    this.#parts.log.error(`${service}: a filter failed, and its connection was closed`, {
      event: "filter_failed",
      service,
      id,
      client,
      detail: stackOf(cause),
    });
  }

  /** It is stopping: clients do not wait for a slot any more. */
  stopAccepting(): void {
    this.#stopping.abort(new ProxyError("shutdown", "proxy"));
  }

  /**
   * Another service replaces it. Its connections continue; idle upstream connections are closed.
   *
   * @param onGone Called when the last of its connections has ended.
   */
  async retire(onGone: () => void): Promise<void> {
    this.#onGone = onGone;
    if (this.#open === 0) this.#gone();
    await this.#targets.retire();
  }

  /** Aborts dials in progress, and closes idle upstream connections and mirrors. */
  async stop(reason: ProxyError): Promise<void> {
    this.#mirror?.stop(reason);
    await this.#targets.stop(reason);
  }

  /** Clears its timers, unless connections need them. */
  restTimers(): void {
    const { idleClock, lifetimes, headerDeadlines, peekDeadlines } = this;
    for (const clock of [idleClock, lifetimes, headerDeadlines, peekDeadlines]) clock?.rest();
    this.#parts.tls.restTimers();
    this.#mirror?.lastDeadlines.rest();
    this.#targets.restTimers();
  }

  #mirrorOf(config: MirrorConfig): Mirror {
    return new Mirror(config, {
      connector: this.#targets.addMirror(config.upstream),
      cells: this.ledger.row.cells,
      log: this.#parts.log,
      // The service stays until they have ended, so that a stop can end them. No client waits for that.
      onBegin: () => this.#open += 1,
      onEnd: this.#onEnded,
    });
  }

  readonly #onEnded = (): void => {
    this.#open -= 1;
    if (this.#open === 0) this.#gone();
  };

  #gone(): void {
    if (this.#onGone === undefined) return;
    this.restTimers();
    this.#onGone();
  }

  /** A bug: the guard of the process logs it. */
  readonly #onBroken = (error: unknown): never => {
    this.#onEnded();
    throw error;
  };
}

function deadlines(timeout: number, code: ErrorCode, side: Side): Deadlines {
  return new Deadlines(timeout, () => new ProxyError(code, side));
}
