/** A service: where it listens, where it leads, and the connections in between. */

import type { ServiceConfig } from "../config/config.ts";
import { acceptConnections } from "../net/accept.ts";
import { type Address, formatAddress } from "../net/address.ts";
import { type Adapter, adapterFor, type Conn } from "../net/conn.ts";
import { Deadlines } from "../net/deadlines.ts";
import { ProxyError } from "../net/errors.ts";
import { IdleClock } from "../net/idle_clock.ts";
import { listen, type Listener } from "../net/listen.ts";
import { AccessLog } from "../observe/access_log.ts";
import { ServiceLedger } from "../observe/ledger.ts";
import type { Log } from "../observe/log.ts";
import { Connection } from "./connection.ts";

export class Service {
  readonly config: ServiceConfig;
  readonly ledger: ServiceLedger;
  readonly accessLog: AccessLog;
  readonly idleClock: IdleClock;
  readonly dialDeadlines: Deadlines;
  /** Of both legs. */
  readonly adapter: Adapter;
  readonly #log: Log;
  readonly #listeners: Listener[] = [];
  readonly #connections = new Set<Connection>();
  readonly #accepting = new AbortController();
  readonly #loops: Promise<void>[] = [];
  #drained: (() => void) | undefined;

  constructor(config: ServiceConfig, log: Log) {
    this.config = config;
    this.ledger = new ServiceLedger(config.name);
    this.accessLog = new AccessLog(log);
    this.idleClock = new IdleClock(config.idleTimeout, config.halfCloseTimeout);
    this.dialDeadlines = new Deadlines(
      config.connectTimeout,
      () => new ProxyError("connect_timeout", "upstream"),
    );
    this.adapter = adapterFor(config);
    this.#log = log;
  }

  /** The addresses bound, with real ports. */
  get addresses(): Address[] {
    return this.#listeners.map((listener) => listener.address);
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

  start(): void {
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

  /** Ends every connection at once. */
  abortConnections(error: ProxyError): void {
    for (const connection of this.#connections) connection.abort(error);
    this.dialDeadlines.abort(error);
  }

  async #handle(client: Conn): Promise<void> {
    const connection = new Connection(client, this);
    this.#connections.add(connection);
    await connection.run();
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#drained?.();
  }
}
