/** Opens connections that take more than a dial: a permit of their endpoint, a preface, or a pool. */

import type { PoolConfig } from "../../config/config.ts";
import type { Address } from "../../net/address.ts";
import type { Conn } from "../../net/socket/conn.ts";
import type { Deadlines } from "../../net/timers/timeouts.ts";
import type { Endpoint } from "../endpoint.ts";
import type { Group } from "../group.ts";
import type { UpstreamDialer } from "../connector.ts";
import type { Preface } from "../upstream_dialer.ts";
import { Permit } from "./connection_semaphore.ts";
import type { Pool } from "./pool.ts";
import { ReusePool } from "./reuse_pool.ts";
import { StaleConnRetry } from "./stale_conn_retry.ts";
import { WarmPool } from "./warm_pool.ts";

export class PooledDialer {
  readonly #group: Group;
  readonly #dialer: UpstreamDialer;
  readonly #deadlines: Deadlines;
  readonly #pool: Pool | undefined;
  /** The number of changes of connection settings. */
  #generation = 0;
  #watch: Disposable | undefined;

  /** @param deadlines The limits of one attempt. */
  constructor(group: Group, dialer: UpstreamDialer, deadlines: Deadlines, pool: PoolConfig | undefined) {
    this.#group = group;
    this.#dialer = dialer;
    this.#deadlines = deadlines;
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
    this.#watch = this.#group.watch({
      added: (endpoint) => this.#fill(endpoint),
      unusable: (endpoint) => pool.drop(endpoint),
      evictIdle: (endpoint) => pool.dropOne(endpoint),
    });
    for (const endpoint of this.#group.endpoints) this.#fill(endpoint);
  }

  /** The settings of connections have changed: no client gets one that was opened before the change. */
  renew(): void {
    this.#generation += 1;
    this.#pool?.renew();
  }

  /** Closes idle connections, and keeps none from now on; still opens connections. */
  async retire(): Promise<void> {
    this.#watch?.[Symbol.dispose]();
    await this.#pool?.stop();
  }

  /**
   * Connects to an endpoint for one client.
   *
   * @param preface The first bytes of the connection.
   * @param address Where the client goes, if that depends on the client: then there is no pool.
   * @throws {ProxyError} or the reason of `signal`.
   */
  open(
    endpoint: Endpoint,
    signal: AbortSignal,
    preface: Preface | undefined,
    address: Address | undefined,
  ): Promise<Conn> {
    if (this.#pool !== undefined) return this.#openPooled(this.#pool, endpoint, signal, preface);
    const permit = endpoint.permits.tryAcquire();
    return permit !== undefined && preface === undefined
      ? this.#dialer.open(endpoint, permit, signal, address)
      : this.#openNew(endpoint, permit, signal, preface, address);
  }

  async #openPooled(
    pool: Pool,
    endpoint: Endpoint,
    signal: AbortSignal,
    preface: Preface | undefined,
  ): Promise<Conn> {
    const found = await pool.take(endpoint);
    if (found === undefined || found instanceof Permit) {
      return await this.#openNew(endpoint, found, signal, preface);
    }
    const { stopped } = this.#dialer;
    if (stopped !== undefined) {
      found.close();
      throw stopped;
    }
    const pooled = preface === undefined ? found : await this.#beginPooled(endpoint, found, signal, preface);
    return pooled === undefined
      ? await this.#openNew(endpoint, endpoint.permits.tryAcquire(), signal, preface)
      : new StaleConnRetry(pooled, () => this.#reopen(endpoint, preface));
  }

  /** Undefined if the idle connection is broken; that does not count against the endpoint. */
  async #beginPooled(
    endpoint: Endpoint,
    conn: Conn,
    signal: AbortSignal,
    preface: Preface,
  ): Promise<Conn | undefined> {
    try {
      return await this.#dialer.begin(endpoint.address, conn, preface, signal);
    } catch (cause) {
      if (signal.aborted) throw cause;
      return undefined;
    }
  }

  /** Replaces an idle connection that turned out to be closed. */
  async #reopen(endpoint: Endpoint, preface: Preface | undefined): Promise<Conn> {
    if (this.#dialer.stopped !== undefined) throw this.#dialer.stopped;
    using deadline = this.#deadlines.start();
    return await this.#openNew(endpoint, endpoint.permits.tryAcquire(), deadline.signal, preface);
  }

  /** @param permit Undefined when none is left, and the client waits for one. */
  async #openNew(
    endpoint: Endpoint,
    permit: Permit | undefined,
    signal: AbortSignal,
    preface: Preface | undefined,
    address = endpoint.address,
  ): Promise<Conn> {
    const { stopped } = this.#dialer;
    if (stopped !== undefined) {
      permit?.[Symbol.dispose]();
      throw stopped;
    }
    const generation = this.#generation;
    const found = permit ?? await this.#waitForPermit(endpoint, signal);
    const conn = found instanceof Permit ? await this.#dialer.open(endpoint, found, signal, address) : found;
    try {
      const begun = preface === undefined ? conn : await this.#dialer.begin(address, conn, preface, signal);
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
    return endpoint.permits.acquire(this.#pool, signal, () => this.#group.evictIdle(endpoint));
  }

  #fill(endpoint: Endpoint): void {
    if (this.#pool instanceof WarmPool) this.#pool.fill(endpoint);
  }
}
