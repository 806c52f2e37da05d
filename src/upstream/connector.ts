/** Connects clients to a group: picks an endpoint, dials it, and tries the next one if that fails. */

import type { GroupConfig } from "../config/config.ts";
import { type Address, formatAddress } from "../net/address.ts";
import type { Conn } from "../net/socket/conn.ts";
import { dial } from "../net/socket/dial.ts";
import { Deadlines } from "../net/timers/timeouts.ts";
import { ProxyError, proxyErrorOf } from "../net/errors.ts";
import { type Endpoint, Lease } from "./endpoint.ts";
import type { Group } from "./group.ts";
import { type Permit, UNCOUNTED } from "./pool/connection_semaphore.ts";
import { PermittedConn } from "./pool/permitted_conn.ts";
import { PooledDialer } from "./pool/pooled_dialer.ts";
import type { AddressMapping, ConnectingClient } from "./mapping/mapping.ts";
import type { Attempts, Search } from "./search.ts";
import { type Unavailable, unavailableError } from "./unavailable.ts";
import { begin, type Preface, secure, type UpstreamDialerOptions } from "./upstream_dialer.ts";
import type { WaitingClient } from "./waiting/wait.ts";

const NONE: readonly Endpoint[] = [];

/** Connects the clients of one service to one group. */
export class Connector {
  readonly group: Group;
  readonly #dialer: UpstreamDialer;
  /** The limits of one attempt. */
  readonly #deadlines: Deadlines;
  /** Opens connections that take more than a dial. */
  readonly #pooled: PooledDialer;
  readonly #hasPool: boolean;
  readonly #mapping: AddressMapping | undefined;

  /** @param config What the group has once clients come. */
  constructor(
    group: Group,
    options: UpstreamDialerOptions,
    { retry, pool }: Pick<GroupConfig, "retry" | "pool"> = group.config,
  ) {
    this.group = group;
    this.#dialer = new UpstreamDialer(group, options);
    // One attempt must not take longer than all together.
    const timeout = Math.min(options.connectTimeout || Infinity, retry.timeout || Infinity);
    this.#deadlines = new Deadlines(timeout, connectTimeout);
    this.#pooled = new PooledDialer(group, this.#dialer, this.#deadlines, pool);
    this.#hasPool = pool !== undefined;
    this.#mapping = options.mapping;
  }

  /** With a warm pool, opens connections ahead to current and later endpoints. */
  start(): void {
    this.#pooled.start();
  }

  /**
   * The authorities or certificates of TLS have changed: no client gets a connection that was opened before the change.
   * Connections in use continue.
   */
  renew(): void {
    this.#pooled.renew();
  }

  /** Closes idle connections, and keeps none from now on; still serves current and later clients. */
  async retire(): Promise<void> {
    await this.#pooled.retire();
    this.restTimers();
  }

  /** Does the same, and aborts dials in progress. */
  async stop(reason: ProxyError): Promise<void> {
    this.#dialer.stopped = reason;
    this.#deadlines.abort(reason);
    await this.retire();
  }

  /** Clears its timer, unless a client is connecting. */
  restTimers(): void {
    this.#deadlines.rest();
  }

  /**
   * Connects to an endpoint that the group's policy chooses for `client`. After a failure, tries another one: up to
   * `retry.attempts` attempts, within `retry.timeout` in all.
   *
   * @param preface The first bytes of the connection.
   * @param waiting Learns when the client has to wait, and can end that.
   * @throws {ProxyError} of the last attempt, or the reason why there was none.
   */
  connect(
    client: ConnectingClient,
    progress: Attempts,
    preface?: Preface,
    waiting?: WaitingClient,
  ): Promise<Lease> {
    const address = this.#mapping?.addressFor(client);
    const search = { client, address, progress, preface, waiting, startedAt: performance.now(), tried: NONE };
    return this.group.isSettled ? this.#attempt(search) : this.#settled(search);
  }

  #attempt(search: Search, within = Infinity, failure?: ProxyError): Promise<Lease> {
    const endpoint = this.group.enter(search.client, search.tried);
    return typeof endpoint === "string"
      ? this.#without(endpoint, search, failure)
      : this.#connectTo(endpoint, search, within);
  }

  /** Not an async function: each further promise slows short connections down. @param endpoint Has been entered. */
  #connectTo(endpoint: Endpoint, search: Search, within: number): Promise<Lease> {
    const { address, progress, preface } = search;
    progress.endpoint = address === undefined ? endpoint.key : formatAddress(address);
    progress.attempts += 1;
    const deadline = this.#deadlines.start(within);
    return this.#open(endpoint, deadline.signal, preface, address).then((conn) => {
      deadline[Symbol.dispose]();
      if (this.#mapping?.names !== undefined) progress.address = formatAddress(conn.remoteAddress);
      if (this.group.keeps(endpoint)) return new Lease(this.group, endpoint, conn);
      // The endpoint went down after it was chosen.
      conn.close();
      return this.#retry(search, endpoint, new ProxyError("endpoint_down", "proxy"));
    }, (cause) => {
      deadline[Symbol.dispose]();
      return this.#retry(search, endpoint, cause);
    });
  }

  #retry(search: Search, failed: Endpoint, cause: unknown): Promise<Lease> {
    failed.leave();
    const failure = proxyErrorOf(cause, "upstream");
    const decided = this.group.stuck?.failed(failed, search.tried, failure);
    const left = this.#leftOf(search);
    if (!failure.retryable || left <= 0) throw failure;
    search.tried = [...search.tried, failed];
    if (search.tried.length < this.group.config.retry.attempts) {
      if (decided === undefined) return this.#attempt(search, left, failure);
      return decided.then(() => this.#attempt(search, left, failure));
    }
    if (this.group.waits.holds) return this.#hold(search, "down", failure);
    throw failure;
  }

  /** No endpoint can be used now: waits if the group says so. */
  async #without(why: Unavailable, search: Search, failure?: ProxyError): Promise<Lease> {
    const { config, waits: { queue, holds } } = this.group;
    if (why === "full" && queue !== undefined && config.queue !== undefined) {
      const startedAt = performance.now();
      const found = await queue.wait(search.client, search.tried, config.queue, search.waiting);
      // `retry.timeout` is for attempts.
      search.startedAt += performance.now() - startedAt;
      return await (typeof found === "string"
        ? this.#without(found, search, failure)
        : this.#connectTo(found, search, this.#leftOf(search)));
    }
    if (why !== "full" && holds) return await this.#hold(search, why, failure);
    throw failure ?? unavailableError(this.group, why);
  }

  /** Waits until an endpoint may be usable, then tries all again. */
  async #hold(search: Search, why: Unavailable, failure: ProxyError | undefined): Promise<Lease> {
    const left = this.#leftOf(search);
    if (left <= 0 || !await this.group.waits.room.wait(left, search.waiting)) {
      throw failure ?? unavailableError(this.group, why, performance.now() - search.startedAt);
    }
    search.tried = NONE;
    return await this.#attempt(search, this.#leftOf(search), failure);
  }

  /** The rest of `retry.timeout`, in milliseconds. */
  #leftOf({ startedAt }: Search): number {
    return (this.group.config.retry.timeout || Infinity) - (performance.now() - startedAt);
  }

  #open(
    endpoint: Endpoint,
    signal: AbortSignal,
    preface: Preface | undefined,
    address: Address | undefined,
  ): Promise<Conn> {
    if (this.#dialer.stopped !== undefined) return Promise.reject(this.#dialer.stopped);
    const isPlain = preface === undefined && endpoint.maxConnections === 0 && !this.#hasPool;
    return isPlain
      ? this.#dialer.open(endpoint, UNCOUNTED, signal, address)
      : this.#pooled.open(endpoint, signal, preface, address);
  }

  /** Does the same once the group knows which endpoints are usable. */
  async #settled(search: Search): Promise<Lease> {
    using deadline = this.#deadlines.start();
    await this.group.settled(deadline.signal);
    if (!this.group.waits.holds) search.startedAt = performance.now();
    return await this.#attempt(search);
  }
}

/** Connections to itself would go on until no descriptor is left. */
function loopError(address: Address): ProxyError {
  const detail = `Cannot connect to ${formatAddress(address)}: the service itself listens there`;
  return new ProxyError("connection_loop", "proxy", { detail });
}

function connectTimeout(): ProxyError {
  return new ProxyError("connect_timeout", "upstream");
}

/** Opens connections, and reports the results to the group. */
export class UpstreamDialer {
  readonly #group: Group;
  readonly #options: UpstreamDialerOptions;
  /** The reason for opening no more connections. */
  stopped: ProxyError | undefined;

  constructor(group: Group, options: UpstreamDialerOptions) {
    this.#group = group;
    this.#options = options;
  }

  /**
   * Connects as far as that is possible before the client is known; includes TLS, unless a preface must come first.
   *
   * @param permit Released when the connection is closed, or cannot be made.
   * @param address Where the client goes, if that depends on the client.
   * @throws {ProxyError} or the reason of `signal`.
   */
  open(
    endpoint: Endpoint,
    permit: Permit,
    signal: AbortSignal,
    address: Address = endpoint.address,
  ): Promise<Conn> {
    const { adapter, sourceAddress: localAddress, mapping, dial: connect = dial } = this.#options;
    if (endpoint.isOwn && this.#options.ownListeners?.has(address) === true) {
      permit[Symbol.dispose]();
      return Promise.reject(loopError(address));
    }
    const startedAt = performance.now();
    // Not an async function: each additional promise slows short connections down.
    return connect(address, { adapter, localAddress, signal, names: mapping?.names }).then(
      (dialled) => {
        const conn = permit === UNCOUNTED ? dialled : new PermittedConn(dialled, permit);
        return this.#connected(endpoint, address, conn, startedAt, signal);
      },
      (cause) => {
        permit[Symbol.dispose]();
        throw this.failed(endpoint, cause);
      },
    );
  }

  #connected(
    endpoint: Endpoint,
    address: Address,
    conn: Conn,
    startedAt: number,
    signal: AbortSignal,
  ): Conn | Promise<Conn> {
    const { tls, greetedBy, hasPreface } = this.#options;
    try {
      conn.setOptions(this.#options);
    } catch (cause) {
      conn.close();
      throw this.failed(endpoint, cause);
    }
    if ((tls !== undefined || greetedBy !== undefined) && !hasPreface) {
      return this.#secured(endpoint, address, conn, startedAt, signal);
    }
    this.#group.connected(endpoint, performance.now() - startedAt);
    return conn;
  }

  async #secured(
    endpoint: Endpoint,
    address: Address,
    conn: Conn,
    startedAt: number,
    signal: AbortSignal,
  ): Promise<Conn> {
    try {
      const secured = await secure(this.#options, address, conn, signal);
      this.#group.connected(endpoint, performance.now() - startedAt);
      return secured;
    } catch (cause) {
      conn.close();
      throw this.failed(endpoint, cause);
    }
  }

  /** As the function of that name. */
  begin(address: Address, conn: Conn, preface: Preface, signal: AbortSignal): Promise<Conn> {
    return begin(this.#options, address, conn, preface, signal);
  }

  /** The error of a connection; counts against the endpoint if the endpoint caused it. */
  failed(endpoint: Endpoint, cause: unknown): ProxyError {
    const error = proxyErrorOf(cause, "upstream");
    if (error.side === "upstream") this.#group.connectionFailed(endpoint, error);
    return error;
  }
}
