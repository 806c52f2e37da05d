/** From a group to a connection: pick an endpoint, dial it within its time, try the next one. */

import type { Conn } from "../net/socket/conn.ts";
import { Deadlines } from "../net/timers/deadlines.ts";
import { ProxyError, proxyErrorOf } from "../net/errors.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Group, Unavailable } from "./group.ts";
import { Lease } from "./lease.ts";
import { UpstreamDialer, type UpstreamDialerOptions } from "./upstream_dialer.ts";
import { Permit } from "./pool/connection_semaphore.ts";
import type { Pool } from "./pool/pool.ts";
import { ReusePool } from "./pool/reuse_pool.ts";
import { StaleConnRetry } from "./pool/stale_conn_retry.ts";
import { WarmPool } from "./pool/warm_pool.ts";

/** Where the way of one connection is noted, attempt by attempt. */
export interface Attempts {
  /** The endpoint tried last. */
  endpoint: string;
  attempts: number;
}

const NONE: readonly Endpoint[] = [];

/** Connects the clients of one service to one group. */
export class Connector {
  readonly group: Group;
  readonly #leg: UpstreamDialer;
  /** The limits of one attempt. */
  readonly #deadlines: Deadlines;
  readonly #pool: Pool | undefined;
  /** How often the connection settings of endpoints have changed. */
  #generation = 0;
  #watch: Disposable | undefined;
  #stopped: ProxyError | undefined;

  constructor(group: Group, options: UpstreamDialerOptions) {
    this.group = group;
    this.#leg = new UpstreamDialer(group, options);
    const { retry, pool } = group.config;
    // One attempt may not take longer than all together.
    const timeout = Math.min(options.connectTimeout || Infinity, retry.timeout || Infinity);
    this.#deadlines = new Deadlines(timeout, connectTimeout);
    const { row } = group;
    if (pool?.mode === "reuse") this.#pool = new ReusePool(pool, row);
    else if (pool !== undefined) {
      this.#pool = new WarmPool(pool, (endpoint, place) => this.#openAhead(endpoint, place), row);
    }
  }

  /** Opens connections ahead, where a warm pool is asked for, to the endpoints there are and those that come. */
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

  /** Closes what waits, and keeps nothing ahead any more; its clients, and those who still come, are served. */
  async retire(): Promise<void> {
    this.#watch?.[Symbol.dispose]();
    await this.#pool?.stop();
  }

  /** The same, and gives up what is being dialled. */
  async stop(reason: ProxyError): Promise<void> {
    this.#stopped = reason;
    this.#deadlines.abort(reason);
    await this.retire();
  }

  /**
   * Connects to an endpoint that `client`, an address without its port, gets by the group's policy; after a failure
   * to another one, `retry.attempts` times and for `retry.timeout` in all.
   *
   * @param preface What the connection begins with.
   * @throws {ProxyError} of the last attempt, or why there was none.
   */
  async connect(client: string, progress: Attempts, preface?: Uint8Array): Promise<Lease> {
    const { retry } = this.group.config;
    if (!this.group.isSettled) await this.#settled();
    const startedAt = performance.now();
    let tried = NONE;
    let failure: ProxyError | undefined;
    let left = Infinity;
    for (;;) {
      const endpoint = this.group.enter(client, tried);
      if (typeof endpoint === "string") throw failure ?? this.#unavailable(endpoint);
      progress.endpoint = endpoint.key;
      progress.attempts += 1;
      try {
        const conn = await this.#open(endpoint, left, preface);
        // The endpoint went down after it was chosen.
        if (!this.group.keeps(endpoint)) {
          conn.close();
          throw new ProxyError("endpoint_down", "proxy");
        }
        return new Lease(this.group, endpoint, conn);
      } catch (cause) {
        endpoint.leave();
        failure = proxyErrorOf(cause, "upstream");
        if (!failure.retryable || progress.attempts >= retry.attempts) throw failure;
        left = (retry.timeout || Infinity) - (performance.now() - startedAt);
        if (left <= 0) throw failure;
      }
      tried = [...tried, endpoint];
    }
  }

  #fill(endpoint: Endpoint): void {
    if (this.#pool instanceof WarmPool) this.#pool.fill(endpoint);
  }

  #open(endpoint: Endpoint, within: number, preface: Uint8Array | undefined): Promise<Conn> {
    // Most groups have no pool, and every promise more is felt by short connections.
    return this.#pool === undefined
      ? this.#openNew(endpoint, undefined, within, preface)
      : this.#openPooled(this.#pool, endpoint, within, preface);
  }

  async #openPooled(
    pool: Pool,
    endpoint: Endpoint,
    within: number,
    preface: Uint8Array | undefined,
  ): Promise<Conn> {
    const found = await pool.take(endpoint);
    if (found === undefined || found instanceof Permit) {
      return await this.#openNew(endpoint, found, within, preface);
    }
    if (this.#stopped !== undefined) {
      found.close();
      throw this.#stopped;
    }
    const pooled = preface === undefined ? found : await this.#beginPooled(endpoint, found, within, preface);
    return pooled === undefined
      ? await this.#openNew(endpoint, undefined, within, preface)
      : new StaleConnRetry(pooled, () => this.#openNew(endpoint, undefined, Infinity, preface));
  }

  /** Undefined when the connection is no good any more, which says nothing of the endpoint. */
  async #beginPooled(
    endpoint: Endpoint,
    conn: Conn,
    within: number,
    preface: Uint8Array,
  ): Promise<Conn | undefined> {
    using deadline = this.#deadlines.start(within);
    try {
      return await this.#leg.begin(endpoint, conn, preface, deadline.signal);
    } catch (cause) {
      if (deadline.signal.aborted) throw cause;
      return undefined;
    }
  }

  /**
   * @param reserved A place to open it with, if there is one already.
   * @param within Milliseconds; an attempt has no more than its own time either way.
   */
  async #openNew(
    endpoint: Endpoint,
    reserved: Permit | undefined,
    within: number,
    preface: Uint8Array | undefined,
  ): Promise<Conn> {
    if (this.#stopped !== undefined) {
      reserved?.[Symbol.dispose]();
      throw this.#stopped;
    }
    using deadline = this.#deadlines.start(within);
    const { signal } = deadline;
    const generation = this.#generation;
    const found = reserved ?? endpoint.places.take() ?? await this.#waitForPlace(endpoint, signal);
    const conn = found instanceof Permit ? await this.#leg.open(endpoint, found, signal) : found;
    try {
      const begun = preface === undefined ? conn : await this.#leg.begin(endpoint, conn, preface, signal);
      const pool = this.#pool;
      return pool === undefined ? begun : pool.adopt(endpoint, begun, () => generation === this.#generation);
    } catch (cause) {
      throw this.#leg.failed(endpoint, cause);
    }
  }

  async #openAhead(endpoint: Endpoint, place: Permit): Promise<Conn> {
    using deadline = this.#deadlines.start();
    return await this.#leg.open(endpoint, place, deadline.signal);
  }

  #waitForPlace(endpoint: Endpoint, signal: AbortSignal): Promise<Permit | Conn> {
    return endpoint.places.wait(this.#pool, signal, () => this.group.evictIdle(endpoint));
  }

  async #settled(): Promise<void> {
    using deadline = this.#deadlines.start();
    await this.group.settled(deadline.signal);
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
