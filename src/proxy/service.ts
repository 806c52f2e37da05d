/** A service: admits clients, routes them, and runs their connections. */

import type { GroupConfig, ServiceConfig } from "../config/config.ts";
import { type Adapter, adapterFor, type Conn } from "../net/socket/conn.ts";
import { Deadlines } from "../net/timers/deadlines.ts";
import { type ErrorCode, ProxyError, proxyErrorOf, type Side } from "../net/errors.ts";
import { IdleClock } from "../net/timers/idle_clock.ts";
import { LifetimeClock } from "../net/timers/lifetime_clock.ts";
import { type AccessLog, DebugLines } from "../observe/log/access_log.ts";
import type { EventFeed } from "../observe/events/event_feed.ts";
import type { ConnectionRecord, ServiceLedger } from "../observe/counters/ledger.ts";
import type { Log } from "../observe/log/log.ts";
import { Connector } from "../upstream/connector.ts";
import type { Group } from "../upstream/group.ts";
import type { UpstreamTls, UpstreamTlsMaterial } from "../upstream/upstream_tls.ts";
import { MAX_PROXY_HEADER } from "../wire/proxy_protocol/header.ts";
import type { AdmissionControl } from "./admission.ts";
import type { ClientFacts } from "./client_facts.ts";
import { Connection, type ConnectionContext, recordLostClient, type Target } from "./connection.ts";
import { compileRoutes, type RouteMatcher } from "./route.ts";
import { stagesOf } from "./stages.ts";
import type { TlsTermination } from "./tls_termination.ts";

/** What a service is made from. */
export interface ServiceParts {
  /** Every group of the configuration, by name. */
  readonly groups: ReadonlyMap<string, Group>;
  readonly admission: AdmissionControl;
  /** Its accounts. */
  readonly ledger: ServiceLedger;
  /** Logs the ends of its connections, and publishes events. */
  readonly accessLog: AccessLog;
  readonly events: EventFeed;
  /** Of this service, where its configuration has them. */
  readonly tls: TlsTermination | undefined;
  readonly upstreamTls: UpstreamTls | undefined;
  readonly log: Log;
  /** Descriptors ran out for a client or its upstream connection. */
  readonly onShortage: () => void;
}

export class Service implements ConnectionContext {
  readonly config: ServiceConfig;
  readonly admission: AdmissionControl;
  readonly ledger: ServiceLedger;
  readonly accessLog: AccessLog;
  readonly events: EventFeed;
  readonly debugLines: DebugLines;
  readonly idleClock: IdleClock;
  /** The longest life of a connection; undefined is unlimited. */
  readonly lifetimes: LifetimeClock | undefined;
  /** How long PROXY headers may take; undefined when none are expected. */
  readonly headerDeadlines: Deadlines | undefined;
  readonly peekDeadlines: Deadlines;
  /** TLS with clients; undefined relays their bytes unchanged. */
  readonly tls: TlsTermination | undefined;
  readonly handshakeDeadlines: Deadlines;
  /** How many of a client's first bytes may be held for peeking. */
  readonly readAhead: number;
  readonly addStages: ConnectionContext["addStages"];
  /** Of both legs. */
  readonly adapter: Adapter;
  readonly #parts: ServiceParts;
  readonly #routes: RouteMatcher;
  readonly #connectors = new Map<string, Connector>();
  /** The targets of its routes, in order, and that of clients that match none. */
  readonly #targets: readonly Target[];
  readonly #otherwise: Target | undefined;
  readonly #stopping = new AbortController();
  #open = 0;
  #onGone: (() => void) | undefined;

  constructor(config: ServiceConfig, parts: ServiceParts) {
    const { groups, tls } = parts;
    this.config = config;
    this.#parts = parts;
    this.admission = parts.admission;
    this.ledger = parts.ledger;
    this.accessLog = parts.accessLog;
    this.events = parts.events;
    this.debugLines = new DebugLines(parts.log);
    this.idleClock = new IdleClock(config.idleTimeout, config.halfCloseTimeout);
    const { limits, acceptProxyProtocol, peek } = config;
    if (limits.lifetime > 0) this.lifetimes = new LifetimeClock(limits.lifetime);
    if (acceptProxyProtocol !== undefined) {
      this.headerDeadlines = deadlines(acceptProxyProtocol.timeout, "proxy_header_timeout", "client");
    }
    this.peekDeadlines = deadlines(peek.timeout, "timed_out", "client");
    this.tls = tls;
    this.handshakeDeadlines = deadlines(
      config.tls?.handshakeTimeout ?? Infinity,
      "tls_handshake_timeout",
      "client",
    );
    this.addStages = stagesOf(config);
    this.#routes = compileRoutes(config.routes);
    this.readAhead = (acceptProxyProtocol === undefined ? 0 : MAX_PROXY_HEADER) +
      (this.#routes.readsHello && tls === undefined ? peek.maxBytes : 0);
    this.adapter = adapterFor(config);
    const { connectTimeout, nodelay, keepalive, sourceAddress, sendProxyProtocol } = config;
    const dialing = {
      adapter: this.adapter,
      connectTimeout,
      nodelay,
      keepalive,
      sourceAddress,
      tls: parts.upstreamTls,
      hasPreface: sendProxyProtocol !== undefined,
    };
    const targetOf = (upstream: GroupConfig, route?: number): Target => {
      const { name } = upstream;
      const connector = this.#connectors.get(name) ?? new Connector(groups.get(name)!, dialing);
      this.#connectors.set(name, connector);
      return { connector, route };
    };
    this.#targets = config.routes.map(({ upstream }, index) => targetOf(upstream, index));
    this.#otherwise = config.upstream && targetOf(config.upstream);
  }

  /** Aborts when waiting clients get no slot any more. */
  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  /** Whether the route of a client depends on its ClientHello. */
  needsHello(facts: ClientFacts): boolean {
    return this.#routes.readsHello && !facts.isDecrypted && this.#routes.needsHello(facts);
  }

  /** The route of a client. @throws {ProxyError} when no route matches. */
  route(facts: ClientFacts): Target {
    const match = this.#targets.length === 0 ? undefined : this.#routes.match(facts);
    const target = match === undefined ? this.#otherwise : this.#targets[match.index];
    if (target !== undefined) return target;
    const { noHello } = facts;
    throw new ProxyError("no_route", "proxy", noHello === undefined ? {} : { detail: noHello });
  }

  /** The preface of upstream connections for a client: a PROXY header. */
  headerFor(facts: ClientFacts): Uint8Array | undefined {
    const { sendProxyProtocol } = this.config;
    return sendProxyProtocol && facts.toHeader(sendProxyProtocol);
  }

  /** New connections to upstreams use these files, and no earlier connection is handed out. */
  updateUpstreamTls(material: UpstreamTlsMaterial): void {
    if (this.#parts.upstreamTls?.update(material) !== true) return;
    for (const connector of this.#connectors.values()) connector.renew();
  }

  /** Opens connections ahead, if there are warm pools. */
  start(): void {
    for (const connector of this.#connectors.values()) connector.start();
  }

  /**
   * Serves a client. With `when_full: wait`, returns a promise that resolves when the client has its slot; no other
   * client must be accepted before.
   */
  handle(client: Conn): Promise<void> | undefined {
    const connection = new Connection(client, this);
    const entered = this.config.limits.whenFull === "wait" ? connection.entered() : undefined;
    this.#open += 1;
    connection.run().then(this.#onEnded, this.#onBroken);
    return entered;
  }

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
      detail: error instanceof Error ? error.message : String(error),
    });
  }

  /** A listener could not be changed, and continues as before. */
  listenerKept(listen: string, error: unknown): void {
    const { name: service } = this.config;
    this.#parts.log.error(`${service}: cannot change ${listen}, it continues as before`, {
      event: "listener_not_changed",
      service,
      listen,
      detail: error instanceof Error ? error.message : String(error),
    });
  }

  onShortage(): void {
    this.#parts.onShortage();
  }

  /** The filter of a connection failed: its author needs the stack. */
  filterFailed(cause: unknown, { id, client }: ConnectionRecord): void {
    const { name: service } = this.config;
    this.#parts.log.error(`${service}: a filter failed, and its connection was closed`, {
      event: "filter_failed",
      service,
      id,
      client,
      detail: cause instanceof Error ? cause.stack ?? cause.message : String(cause),
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
    await Promise.all(this.#connectors.values().map((connector) => connector.retire()));
  }

  /** Aborts dials in progress, and closes idle upstream connections. */
  async stop(reason: ProxyError): Promise<void> {
    await Promise.all(this.#connectors.values().map((connector) => connector.stop(reason)));
  }

  /** Clears its timers, unless connections need them. */
  restTimers(): void {
    const { idleClock, lifetimes, headerDeadlines, peekDeadlines, handshakeDeadlines } = this;
    for (const clock of [idleClock, lifetimes, headerDeadlines, peekDeadlines, handshakeDeadlines]) {
      clock?.rest();
    }
    for (const connector of this.#connectors.values()) connector.restTimers();
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
