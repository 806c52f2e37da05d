/** From a group to a connection: pick an endpoint, dial it within its time, try the next one. */

import { type Adapter, applySocketOptions, type Conn, type SocketOptions, writeAll } from "../net/conn.ts";
import { Deadlines } from "../net/deadlines.ts";
import { dial } from "../net/dial.ts";
import { ProxyError, proxyErrorOf } from "../net/errors.ts";
import type { PoolFigures } from "../observe/upstream_figures.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Group } from "./group.ts";
import { Lease } from "./lease.ts";
import type { Pool } from "./pool.ts";
import { ReusePool } from "./reuse_pool.ts";
import { SecondChance } from "./second_chance.ts";
import { WarmPool } from "./warm_pool.ts";

/** What a service wants of its upstream connections. */
export interface LegOptions extends SocketOptions {
  readonly adapter: Adapter;
  /** Milliseconds for one attempt; 0 is no limit. */
  readonly connectTimeout: number;
}

/** Where the way of one connection is noted, attempt by attempt. */
export interface Attempts {
  /** The endpoint tried last. */
  upstream: string;
  attempts: number;
}

const NONE: readonly Endpoint[] = [];

/** Connects the clients of one service to one group. */
export class Connector {
  readonly group: Group;
  readonly #leg: LegOptions;
  /** Milliseconds; Infinity is no limit. */
  readonly #attemptTimeout: number;
  readonly #deadlines: Deadlines;
  readonly #pool: Pool | undefined;
  readonly #dropping: Disposable;
  #stopped: ProxyError | undefined;

  constructor(group: Group, leg: LegOptions) {
    this.group = group;
    this.#leg = leg;
    const { retry, pool } = group.config;
    // One attempt may not take longer than all together.
    this.#attemptTimeout = Math.min(leg.connectTimeout || Infinity, retry.timeout || Infinity);
    this.#deadlines = new Deadlines(this.#attemptTimeout, connectTimeout);
    if (pool?.mode === "reuse") this.#pool = new ReusePool(pool);
    else if (pool !== undefined) this.#pool = new WarmPool(pool, (endpoint) => this.#dial(endpoint));
    this.#dropping = group.onUnusable((endpoint) => this.#pool?.drop(endpoint));
  }

  /** What the pool has counted; undefined without a pool. */
  get poolFigures(): PoolFigures | undefined {
    return this.#pool?.figures();
  }

  /** Opens connections ahead, where a warm pool is asked for. */
  start(): void {
    if (this.#pool instanceof WarmPool) {
      for (const endpoint of this.group.endpoints) this.#pool.fill(endpoint);
    }
  }

  /** Gives up what is being dialled and closes what waits. */
  async stop(reason: ProxyError): Promise<void> {
    this.#stopped = reason;
    this.#dropping[Symbol.dispose]();
    this.#deadlines.abort(reason);
    await this.#pool?.stop();
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
    if (this.group.endpoints.length === 0) await this.#discovered();
    const startedAt = performance.now();
    let tried = NONE;
    let failure: ProxyError | undefined;
    let left = this.#attemptTimeout;
    for (;;) {
      if (this.#stopped !== undefined) throw this.#stopped;
      const endpoint = this.group.enter(client, tried);
      if (endpoint === undefined) throw failure ?? this.#unavailable();
      progress.upstream = endpoint.key;
      progress.attempts += 1;
      try {
        return new Lease(this.group, endpoint, await this.#open(endpoint, left, preface));
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

  #open(endpoint: Endpoint, within: number, preface: Uint8Array | undefined): Promise<Conn> {
    // Most groups have no pool, and every promise more is felt by short connections.
    return this.#pool === undefined
      ? this.#openNew(endpoint, within, preface)
      : this.#openPooled(this.#pool, endpoint, within, preface);
  }

  async #openPooled(
    pool: Pool,
    endpoint: Endpoint,
    within: number,
    preface: Uint8Array | undefined,
  ): Promise<Conn> {
    const pooled = await pool.take(endpoint);
    if (this.#stopped !== undefined) {
      pooled?.close();
      throw this.#stopped;
    }
    if (pooled === undefined) return await this.#openNew(endpoint, within, preface);
    if (preface !== undefined && !(await isSaid(pooled, preface))) {
      return await this.#openNew(endpoint, within, preface);
    }
    return new SecondChance(pooled, () => this.#openNew(endpoint, this.#attemptTimeout, preface));
  }

  #openNew(endpoint: Endpoint, within: number, preface: Uint8Array | undefined): Promise<Conn> {
    const dialled = this.#dial(endpoint, within);
    return preface === undefined && this.#pool === undefined
      ? dialled
      : dialled.then((conn) => this.#prepare(endpoint, conn, preface));
  }

  async #prepare(endpoint: Endpoint, conn: Conn, preface: Uint8Array | undefined): Promise<Conn> {
    if (preface !== undefined && !(await isSaid(conn, preface))) {
      throw new ProxyError("connection_reset", "upstream");
    }
    return this.#pool?.adopt(endpoint, conn) ?? conn;
  }

  /** @param within Milliseconds; an attempt has no more than its own time either way. */
  async #dial(endpoint: Endpoint, within = this.#attemptTimeout): Promise<Conn> {
    using deadline = this.#deadlines.start(within);
    try {
      const conn = await dial(endpoint.address, { adapter: this.#leg.adapter, signal: deadline.signal });
      applySocketOptions(conn, this.#leg);
      this.group.connected(endpoint);
      return conn;
    } catch (cause) {
      const error = proxyErrorOf(cause, "upstream");
      if (error.side === "upstream") this.group.connectionFailed(endpoint, error);
      throw error;
    }
  }

  async #discovered(): Promise<void> {
    using deadline = this.#deadlines.start();
    await this.group.discovered(deadline.signal);
  }

  #unavailable(): ProxyError {
    const isFull = this.group.endpoints.some((endpoint) => endpoint.isFull);
    const detail = isFull
      ? `every endpoint of ${this.group.name} has its max_connections`
      : `no endpoint of ${this.group.name} is known`;
    return new ProxyError(isFull ? "endpoints_full" : "no_endpoint", "proxy", { detail });
  }
}

function connectTimeout(): ProxyError {
  return new ProxyError("connect_timeout", "upstream");
}

/** Writes the first bytes of a connection; closes it when it does not take them. */
async function isSaid(conn: Conn, preface: Uint8Array): Promise<boolean> {
  try {
    await writeAll(conn, preface);
    return true;
  } catch {
    conn.close();
    return false;
  }
}
