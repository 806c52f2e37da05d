/** A service: where it listens, where it leads, and the connections in between. */

import type { GroupConfig, ServiceConfig } from "../config/config.ts";
import { acceptConnections } from "../net/accept.ts";
import { type Address, formatAddress, hostOf } from "../net/address.ts";
import { type Adapter, adapterFor, type Conn } from "../net/conn.ts";
import { ProxyError } from "../net/errors.ts";
import { IdleClock } from "../net/idle_clock.ts";
import { listen, type Listener } from "../net/listen.ts";
import { AccessLog } from "../observe/access_log.ts";
import { ServiceLedger } from "../observe/ledger.ts";
import type { Log } from "../observe/log.ts";
import type { PoolFigures } from "../observe/upstream_figures.ts";
import { Connector } from "../upstream/connector.ts";
import type { Group } from "../upstream/group.ts";
import { Connection } from "./connection.ts";
import { compileRoutes, type RouteFacts, type RouteMatcher } from "./route.ts";

export class Service {
  readonly config: ServiceConfig;
  readonly ledger: ServiceLedger;
  readonly accessLog: AccessLog;
  readonly idleClock: IdleClock;
  /** Of both legs. */
  readonly adapter: Adapter;
  readonly #log: Log;
  readonly #routes: RouteMatcher;
  readonly #connectors = new Map<GroupConfig, Connector>();
  readonly #listeners: Listener[] = [];
  readonly #connections = new Set<Connection>();
  readonly #accepting = new AbortController();
  readonly #loops: Promise<void>[] = [];
  #drained: (() => void) | undefined;

  /** @param groups Every group of the configuration, made already. */
  constructor(config: ServiceConfig, groups: ReadonlyMap<GroupConfig, Group>, log: Log) {
    this.config = config;
    this.ledger = new ServiceLedger(config.name);
    this.accessLog = new AccessLog(log);
    this.idleClock = new IdleClock(config.idleTimeout, config.halfCloseTimeout);
    this.adapter = adapterFor(config);
    this.#log = log;
    this.#routes = compileRoutes(config.routes);
    const { connectTimeout, nodelay, keepalive } = config;
    const leg = { adapter: this.adapter, connectTimeout, nodelay, keepalive };
    for (const { upstream } of [...config.routes, config]) {
      if (upstream === undefined || this.#connectors.has(upstream)) continue;
      this.#connectors.set(upstream, new Connector(groups.get(upstream)!, leg));
    }
  }

  /** The addresses bound, with real ports. */
  get addresses(): Address[] {
    return this.#listeners.map((listener) => listener.address);
  }

  /** What its pool for a group has counted, if it has one. */
  poolFigures(group: Group): PoolFigures | undefined {
    return this.#connectors.get(group.config)?.poolFigures;
  }

  /** Connections open now. */
  get active(): number {
    return this.#connections.size;
  }

  /**
   * Binds all its addresses, without accepting yet.
   *
   * @throws {ListenError} what was bound already is left for {@linkcode stopAccepting}.
   */
  async bind(): Promise<void> {
    for (const address of this.config.listen) {
      this.#listeners.push(await listen(address, { adapter: this.adapter, unixMode: this.config.unixMode }));
    }
  }

  /** Where a client's connection goes. @throws {ProxyError} when no route is its own. */
  route(client: Conn): Connector {
    const { routes, upstream } = this.config;
    const matched = routes.length === 0 ? undefined : this.#routes.match(factsOf(client));
    const group = matched?.route.upstream ?? upstream;
    if (group === undefined) throw new ProxyError("no_route", "proxy");
    return this.#connectors.get(group)!;
  }

  start(): void {
    for (const connector of this.#connectors.values()) connector.start();
    const { signal } = this.#accepting;
    const onConnection = (client: Conn) => this.#handle(client);
    for (const listener of this.#listeners) {
      const address = formatAddress(listener.address);
      const onError = (error: unknown, failures: number) =>
        this.#log.error(`${this.config.name}: cannot accept connections, trying again`, {
          event: "accept_failed",
          service: this.config.name,
          listen: address,
          failures,
          detail: error instanceof Error ? error.message : String(error),
        });
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

  /** Resolves when no connection is open. */
  drained(): Promise<void> {
    if (this.#connections.size === 0) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#drained = resolve;
    return promise;
  }

  /** Ends every connection at once, and what is open ahead of clients. */
  async abortConnections(error: ProxyError): Promise<void> {
    for (const connection of this.#connections) connection.abort(error);
    await Promise.all(this.#connectors.values().map((connector) => connector.stop(error)));
    await this.drained();
  }

  async #handle(client: Conn): Promise<void> {
    const connection = new Connection(client, this);
    this.#connections.add(connection);
    await connection.run();
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#drained?.();
  }
}

function factsOf(client: Conn): RouteFacts {
  const { remoteAddress: remote, localAddress: local } = client;
  return {
    sourceAddress: hostOf(remote),
    sourcePort: remote.transport === "tcp" ? remote.port : 0,
    listenPort: local.transport === "tcp" ? local.port : 0,
  };
}
