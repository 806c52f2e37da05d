/** A service: where it listens, where it leads, and the connections in between. */

import type { GroupConfig, ServiceConfig } from "../config/config.ts";
import { acceptConnections } from "../net/accept.ts";
import { type Address, formatAddress } from "../net/address.ts";
import { type Adapter, adapterFor, type Conn } from "../net/conn.ts";
import { Deadlines } from "../net/deadlines.ts";
import { type ErrorCode, ProxyError, type Side } from "../net/errors.ts";
import { IdleClock } from "../net/idle_clock.ts";
import { LifetimeClock } from "../net/lifetime_clock.ts";
import { listen, type Listener } from "../net/listen.ts";
import type { AccessLog } from "../observe/access_log.ts";
import type { EventFeed } from "../observe/event_feed.ts";
import type { Gauge } from "../observe/gauge.ts";
import type { AbortCode } from "../observe/connection_record.ts";
import type { ServiceLedger } from "../observe/ledger.ts";
import type { Log } from "../observe/log.ts";
import type { PoolFigures } from "../observe/upstream_figures.ts";
import { Connector } from "../upstream/connector.ts";
import type { Group } from "../upstream/group.ts";
import type { UpstreamTls } from "../upstream/upstream_tls.ts";
import { MAX_PROXY_HEADER } from "../wire/proxy_protocol_header.ts";
import { Admission } from "./admission.ts";
import type { ClientFacts } from "./client_facts.ts";
import { Connection } from "./connection.ts";
import type { CountLimit } from "./count_limit.ts";
import { compileRoutes, type RouteMatcher } from "./route.ts";
import type { TlsTermination } from "./tls_termination.ts";

/** What services share, and what is made for each of them outside. */
export interface ServiceParts {
  /** Every group of the configuration. */
  readonly groups: ReadonlyMap<GroupConfig, Group>;
  /** Counts the connections of this service. */
  readonly gauge: Gauge;
  /** Its accounts. */
  readonly ledger: ServiceLedger;
  /** Where the ends of its connections are logged, and what happens is told. */
  readonly accessLog: AccessLog;
  readonly events: EventFeed;
  /** Counts those of all services, up to its limit. */
  readonly all: CountLimit;
  /** Of this service, where its configuration has them. */
  readonly tls: TlsTermination | undefined;
  readonly upstreamTls: UpstreamTls | undefined;
  readonly log: Log;
}

/** Where a connection goes, and by which route; undefined is the service's own upstream. */
export interface Target {
  readonly connector: Connector;
  readonly route: number | undefined;
}

export class Service {
  readonly config: ServiceConfig;
  readonly admission: Admission;
  readonly ledger: ServiceLedger;
  readonly accessLog: AccessLog;
  readonly events: EventFeed;
  readonly idleClock: IdleClock;
  /** How long connections may live; undefined is for ever. */
  readonly lifetimes: LifetimeClock | undefined;
  /** How long PROXY headers may take; undefined when none are expected. */
  readonly headerDeadlines: Deadlines | undefined;
  readonly peekDeadlines: Deadlines;
  /** TLS with clients; undefined leaves what they send as it is. */
  readonly tls: TlsTermination | undefined;
  readonly handshakeDeadlines: Deadlines;
  /** Bytes to hold of a client's first ones, to look at them. */
  readonly readAhead: number;
  /** Of both legs. */
  readonly adapter: Adapter;
  readonly #log: Log;
  readonly #routes: RouteMatcher;
  readonly #connectors = new Map<GroupConfig, Connector>();
  /** Of its routes, in their order, and of clients that none of them fits. */
  readonly #targets: readonly Target[];
  readonly #otherwise: Target | undefined;
  readonly #listeners: Listener[] = [];
  readonly #accepting = new AbortController();
  readonly #loops: Promise<void>[] = [];

  constructor(config: ServiceConfig, parts: ServiceParts) {
    const { groups, tls } = parts;
    this.config = config;
    this.admission = new Admission(config, parts.gauge, parts.all);
    this.ledger = parts.ledger;
    this.accessLog = parts.accessLog;
    this.events = parts.events;
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
    this.#routes = compileRoutes(config.routes);
    this.readAhead = (acceptProxyProtocol === undefined ? 0 : MAX_PROXY_HEADER) +
      (this.#routes.readsHello && tls === undefined ? peek.maxBytes : 0);
    this.adapter = adapterFor(config);
    this.#log = parts.log;
    const { connectTimeout, nodelay, keepalive, sourceAddress, sendProxyProtocol } = config;
    const leg = {
      adapter: this.adapter,
      connectTimeout,
      nodelay,
      keepalive,
      sourceAddress,
      tls: parts.upstreamTls,
      hasPreface: sendProxyProtocol !== undefined,
    };
    const targetOf = (upstream: GroupConfig, route?: number): Target => {
      const connector = this.#connectors.get(upstream) ?? new Connector(groups.get(upstream)!, leg);
      this.#connectors.set(upstream, connector);
      return { connector, route };
    };
    this.#targets = config.routes.map(({ upstream }, index) => targetOf(upstream, index));
    this.#otherwise = config.upstream && targetOf(config.upstream);
  }

  /** The addresses bound, with real ports. */
  get addresses(): Address[] {
    return this.#listeners.map((listener) => listener.address);
  }

  /** What its pool for a group has counted, if it has one. */
  poolFigures(group: Group): PoolFigures | undefined {
    return this.#connectors.get(group.config)?.poolFigures;
  }

  /**
   * Binds all its addresses, without accepting yet.
   *
   * @throws {ListenError} what was bound already is left for {@linkcode stopAccepting}.
   */
  async bind(): Promise<void> {
    const { adapter, config: { unixMode } } = this;
    for (const address of this.config.listen) {
      this.#listeners.push(this.tls?.bind(address) ?? await listen(address, { adapter, unixMode }));
    }
  }

  /** Aborts when the service stops accepting. */
  get stopping(): AbortSignal {
    return this.#accepting.signal;
  }

  /** Whether where a client goes depends on its ClientHello. */
  needsHello(facts: ClientFacts): boolean {
    return !facts.isDecrypted && this.#routes.needsHello(facts);
  }

  /** Where a client's connection goes. @throws {ProxyError} when no route is its own. */
  route(facts: ClientFacts): Target {
    const match = this.#routes.match(facts);
    const target = match === undefined ? this.#otherwise : this.#targets[match.index];
    if (target !== undefined) return target;
    const { noHello } = facts;
    throw new ProxyError("no_route", "proxy", noHello === undefined ? {} : { detail: noHello });
  }

  /** What upstream connections of a client begin with. */
  headerFor(facts: ClientFacts): Uint8Array | undefined {
    const { sendProxyProtocol } = this.config;
    return sendProxyProtocol && facts.toHeader(sendProxyProtocol);
  }

  start(): void {
    for (const connector of this.#connectors.values()) connector.start();
    const { signal } = this.#accepting;
    const onConnection = (client: Conn) => this.#handle(client);
    for (const listener of this.#listeners) {
      const address = formatAddress(listener.address);
      const onError = (error: unknown, failures: number) => {
        this.ledger.acceptFailed(failures);
        this.#log.error(`${this.config.name}: cannot accept connections, trying again`, {
          event: "accept_failed",
          service: this.config.name,
          listen: address,
          failures,
          detail: error instanceof Error ? error.message : String(error),
        });
      };
      this.#loops.push(acceptConnections(listener, { onConnection, onError, signal }));
    }
  }

  stopAccepting(): void {
    this.#accepting.abort();
    for (const listener of this.#listeners.splice(0)) listener.close();
  }

  /** Resolves when the listeners are gone: Deno removes a socket file only once its last accept has ended. */
  async closed(): Promise<void> {
    await Promise.all(this.#loops);
  }

  /** A connection found no descriptor left for its upstream. */
  onShortage(): void {
    for (const listener of this.#listeners) listener.onShortage?.();
  }

  /** Ends every connection at once, and what is open ahead of clients. */
  async abortConnections(code: AbortCode): Promise<void> {
    this.ledger.abortConnections(code);
    const reason = new ProxyError(code, "proxy");
    await Promise.all(this.#connectors.values().map((connector) => connector.stop(reason)));
  }

  /** With `when_full: wait`, nothing else is accepted until this connection has its place. */
  #handle(client: Conn): Promise<void> | undefined {
    const connection = new Connection(client, this);
    const entered = this.config.limits.whenFull === "wait" ? connection.entered() : undefined;
    connection.run();
    return entered;
  }
}

function deadlines(timeout: number, code: ErrorCode, side: Side): Deadlines {
  return new Deadlines(timeout, () => new ProxyError(code, side));
}
