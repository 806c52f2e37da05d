/** Connects clients to a group: picks an endpoint, dials it, and tries the next one if that fails. */

import type { Conn } from "../net/socket/conn.ts";
import { Deadlines } from "../net/timers/deadlines.ts";
import { ProxyError, proxyErrorOf } from "../net/errors.ts";
import type { ClientAddress } from "./balance/endpoint_choice.ts";
import { type Endpoint, Lease } from "./endpoint.ts";
import type { Group, Unavailable } from "./group.ts";
import { UpstreamDialer, type UpstreamDialerOptions } from "./upstream_dialer.ts";
import { Permit } from "./pool/connection_semaphore.ts";
import type { Pool } from "./pool/pool.ts";
import { ReusePool } from "./pool/reuse_pool.ts";
import { StaleConnRetry } from "./pool/stale_conn_retry.ts";
import { WarmPool } from "./pool/warm_pool.ts";

/** The progress of a client's connect. */
export interface Attempts {
  /** The endpoint tried last. */
  endpoint: string;
  attempts: number;
}

/** The search for an endpoint for one client. */
interface Search {
  readonly client: ClientAddress;
  readonly progress: Attempts;
  readonly preface: Uint8Array | undefined;
  /** By `performance.now()`. */
  startedAt: number;
  tried: readonly Endpoint[];
}

const NONE: readonly Endpoint[] = [];

/** Connects the clients of one service to one group. */
export class Connector {
  readonly group: Group;
  readonly #dialer: UpstreamDialer;
  /** The limits of one attempt. */
  readonly #deadlines: Deadlines;
  readonly #pool: Pool | undefined;
  /** How often the connection settings of endpoints have changed. */
  #generation = 0;
  #watch: Disposable | undefined;
  #stopped: ProxyError | undefined;

  constructor(group: Group, options: UpstreamDialerOptions) {
    this.group = group;
    this.#dialer = new UpstreamDialer(group, options);
    const { retry, pool } = group.config;
    // One attempt must not take longer than all together.
    const timeout = Math.min(options.connectTimeout || Infinity, retry.timeout || Infinity);
    this.#deadlines = new Deadlines(timeout, connectTimeout);
    const { row } = group;
    if (pool?.mode === "reuse") this.#pool = new ReusePool(pool, row);
    else if (pool !== undefined) {
      this.#pool = new WarmPool(pool, (endpoint, permit) => this.#openAhead(endpoint, permit), row);
    }
  }

  /** With a warm pool, opens connections ahead to current and later endpoints. */
  start(): void {
    const pool = this.#pool;
    if (pool === undefined) return;
    this.#watch = this.group.watch({
      added: (endpoint) => this.#fill(endpoint),
      unusable: (endpoint) => pool.drop(endpoint),
      evictIdle: (endpoint) => pool.dropOne(endpoint),
    });
    for (const endpoint of this.group.endpoints) this.#fill(endpoint);
  }

  /**
   * The authorities or certificates of TLS have changed: no client gets a connection that was opened before.
   * Connections in use continue.
   */
  renew(): void {
    this.#generation += 1;
    this.#pool?.renew();
  }

  /** Closes idle connections, and keeps none from now on; current and later clients are served. */
  async retire(): Promise<void> {
    this.#watch?.[Symbol.dispose]();
    await this.#pool?.stop();
    this.restTimers();
  }

  /** The same, and aborts dials in progress. */
  async stop(reason: ProxyError): Promise<void> {
    this.#stopped = reason;
    this.#deadlines.abort(reason);
    await this.retire();
  }

  /** Clears its timer, unless a client is connecting. */
  restTimers(): void {
    this.#deadlines.rest();
  }

  /**
   * Connects to an endpoint that the group's policy chooses for `client`; after a failure to another
   * one, `retry.attempts` times and for `retry.timeout` in all.
   *
   * @param preface What the connection begins with.
   * @throws {ProxyError} of the last attempt, or why there was none.
   */
  connect(client: ClientAddress, progress: Attempts, preface?: Uint8Array): Promise<Lease> {
    const search = { client, progress, preface, startedAt: performance.now(), tried: NONE };
    return this.group.isSettled ? this.#attempt(search) : this.#settled(search);
  }

  /** Not an async function: each further promise slows short connections down. */
  #attempt(search: Search, within = Infinity, failure?: ProxyError): Promise<Lease> {
    const { client, progress, preface, tried } = search;
    const endpoint = this.group.enter(client, tried);
    if (typeof endpoint === "string") return Promise.reject(failure ?? this.#unavailable(endpoint));
    progress.endpoint = endpoint.key;
    progress.attempts += 1;
    const deadline = this.#deadlines.start(within);
    return this.#open(endpoint, deadline.signal, preface).then((conn) => {
      deadline[Symbol.dispose]();
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
    const { attempts, timeout } = this.group.config.retry;
    if (!failure.retryable || search.progress.attempts >= attempts) throw failure;
    const left = (timeout || Infinity) - (performance.now() - search.startedAt);
    if (left <= 0) throw failure;
    search.tried = [...search.tried, failed];
    return this.#attempt(search, left, failure);
  }

  #fill(endpoint: Endpoint): void {
    if (this.#pool instanceof WarmPool) this.#pool.fill(endpoint);
  }

  #open(endpoint: Endpoint, signal: AbortSignal, preface: Uint8Array | undefined): Promise<Conn> {
    if (this.#stopped !== undefined) return Promise.reject(this.#stopped);
    if (this.#pool !== undefined) return this.#openPooled(this.#pool, endpoint, signal, preface);
    const permit = endpoint.permits.tryAcquire();
    return permit !== undefined && preface === undefined
      ? this.#dialer.open(endpoint, permit, signal)
      : this.#openNew(endpoint, permit, signal, preface);
  }

  async #openPooled(
    pool: Pool,
    endpoint: Endpoint,
    signal: AbortSignal,
    preface: Uint8Array | undefined,
  ): Promise<Conn> {
    const found = await pool.take(endpoint);
    if (found === undefined || found instanceof Permit) {
      return await this.#openNew(endpoint, found, signal, preface);
    }
    if (this.#stopped !== undefined) {
      found.close();
      throw this.#stopped;
    }
    const pooled = preface === undefined ? found : await this.#beginPooled(endpoint, found, signal, preface);
    return pooled === undefined
      ? await this.#openNew(endpoint, endpoint.permits.tryAcquire(), signal, preface)
      : new StaleConnRetry(pooled, () => this.#reopen(endpoint, preface));
  }

  /** Undefined if the idle connection is broken, which does not count against the endpoint. */
  async #beginPooled(
    endpoint: Endpoint,
    conn: Conn,
    signal: AbortSignal,
    preface: Uint8Array,
  ): Promise<Conn | undefined> {
    try {
      return await this.#dialer.begin(endpoint, conn, preface, signal);
    } catch (cause) {
      if (signal.aborted) throw cause;
      return undefined;
    }
  }

  /** Instead of an idle connection that turned out to be closed. */
  async #reopen(endpoint: Endpoint, preface: Uint8Array | undefined): Promise<Conn> {
    if (this.#stopped !== undefined) throw this.#stopped;
    using deadline = this.#deadlines.start();
    return await this.#openNew(endpoint, endpoint.permits.tryAcquire(), deadline.signal, preface);
  }

  /** @param permit Undefined when none is left, and the client waits for one. */
  async #openNew(
    endpoint: Endpoint,
    permit: Permit | undefined,
    signal: AbortSignal,
    preface: Uint8Array | undefined,
  ): Promise<Conn> {
    if (this.#stopped !== undefined) {
      permit?.[Symbol.dispose]();
      throw this.#stopped;
    }
    const generation = this.#generation;
    const found = permit ?? await this.#waitForPermit(endpoint, signal);
    const conn = found instanceof Permit ? await this.#dialer.open(endpoint, found, signal) : found;
    try {
      const begun = preface === undefined ? conn : await this.#dialer.begin(endpoint, conn, preface, signal);
      const pool = this.#pool;
      return pool === undefined ? begun : pool.adopt(endpoint, begun, () => generation === this.#generation);
    } catch (cause) {
      throw this.#dialer.failed(endpoint, cause);
    }
  }

  async #openAhead(endpoint: Endpoint, permit: Permit): Promise<Conn> {
    using deadline = this.#deadlines.start();
    return await this.#dialer.open(endpoint, permit, deadline.signal);
  }

  #waitForPermit(endpoint: Endpoint, signal: AbortSignal): Promise<Permit | Conn> {
    return endpoint.permits.acquire(this.#pool, signal, () => this.group.evictIdle(endpoint));
  }

  /** The same, once the group knows which endpoints are usable. */
  async #settled(search: Search): Promise<Lease> {
    using deadline = this.#deadlines.start();
    await this.group.settled(deadline.signal);
    search.startedAt = performance.now();
    return await this.#attempt(search);
  }

  #unavailable(why: Unavailable): ProxyError {
    const { name } = this.group;
    const details: Record<Unavailable, string> = {
      full: `every endpoint of ${name} has its max_connections`,
      taken_out: `every endpoint of ${name} was taken out by an operator`,
      unknown: `no endpoint of ${name} is known`,
    };
    return new ProxyError(why === "full" ? "endpoints_full" : "no_endpoint", "proxy", {
      detail: details[why],
    });
  }
}

function connectTimeout(): ProxyError {
  return new ProxyError("connect_timeout", "upstream");
}
