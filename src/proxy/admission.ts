/** Who comes in, and how many at a time: everything that is decided before a connection costs anything. */

import type { ServiceConfig } from "../config/config.ts";
import { ProxyError } from "../net/errors.ts";
import { orAborted } from "../net/or_aborted.ts";
import { ClientTable } from "../observe/client_table.ts";
import type { Gauge } from "../observe/gauge.ts";
import { RateLimit } from "../observe/rate_limit.ts";
import { clientKeyOf } from "../wire/client_key.ts";
import { AccessList } from "./access_list.ts";
import { CountLimit } from "./count_limit.ts";
import { TrustedPeers } from "./trusted_peers.ts";

/** Clients whose connections can be counted at the same time, per service. */
const MAX_CLIENTS = 65_536;

/** All clients without an address, which a PROXY header may bring, are one: limits fail closed. */
const NO_ADDRESS = { family: 0, high: 0, low: 0 };

/** A place that is taken; disposing of it gives it back. */
export type Place = Disposable;

const FREE: Place = { [Symbol.dispose]() {} };

export class Admission {
  readonly #config: ServiceConfig;
  readonly #access: AccessList;
  readonly #trusted: TrustedPeers | undefined;
  readonly #all: CountLimit;
  readonly #own: CountLimit;
  /** All places are alike, so one object stands for each. */
  readonly #place: Place = {
    [Symbol.dispose]: () => {
      this.#own.leave();
      this.#all.leave();
    },
  };
  readonly #rate: RateLimit | undefined;
  readonly #clients: ClientTable | undefined;

  /**
   * @param gauge Counts the connections of the service.
   * @param all Counts those of all services.
   */
  constructor(config: ServiceConfig, gauge: Gauge, all: CountLimit) {
    const { limits } = config;
    this.#config = config;
    this.#access = new AccessList(config.allow, config.deny);
    this.#trusted = config.acceptProxyProtocol && new TrustedPeers(config.acceptProxyProtocol.from);
    this.#all = all;
    this.#own = new CountLimit(gauge, limits.connections);
    this.#rate = limits.connectsPerSecond && new RateLimit(undefined, limits.connectsPerSecond);
    this.#clients = limits.connectionsPerClient > 0 || limits.connectsPerSecondPerClient !== undefined
      ? new ClientTable(MAX_CLIENTS, {
        connections: limits.connectionsPerClient,
        rate: limits.connectsPerSecondPerClient,
      })
      : undefined;
  }

  /**
   * Looks at the peer of a new connection. Where a PROXY header is expected, the peer must be one that may send it,
   * and the client is looked at once the header has said who it is.
   *
   * @throws {ProxyError}
   */
  checkPeer(address: string): void {
    if (this.#trusted === undefined) this.#checkAccess(address);
    else if (!this.#trusted.has(address)) throw new ProxyError("proxy_not_trusted", "client");
  }

  /**
   * Takes a place among the connections of the service and of all services. With `when_full: wait`, gives undefined
   * when there is none.
   *
   * @throws {ProxyError}
   */
  enter(): Place | undefined {
    if (!this.#all.enter()) return this.#full();
    if (!this.#own.enter()) {
      this.#all.undo();
      return this.#full();
    }
    // Last: clients who found no place must not use up the rate of others.
    if (this.#rate?.take() === false) {
      this.#own.undo();
      this.#all.undo();
      throw new ProxyError("connect_rate", "client");
    }
    return this.#place;
  }

  /** Resolves when a place may have become free, or `signal` aborts. */
  async freed(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    using _all = this.#all.onFree(resolve);
    using _own = this.#own.onFree(resolve);
    await orAborted(promise, signal).catch(() => {});
  }

  /**
   * Takes a place among the connections of one client, known by its own address by now.
   *
   * @throws {ProxyError}
   */
  enterClient(address: string): Place {
    const clients = this.#clients;
    if (this.#trusted !== undefined) this.#checkAccess(address);
    if (clients === undefined) return FREE;
    const key = clientKeyOf(address) ?? NO_ADDRESS;
    switch (clients.enter(key)) {
      case "ok":
        return { [Symbol.dispose]: () => clients.leave(key) };
      case "too_many":
        throw new ProxyError("client_connection_limit", "client");
      case "too_fast":
        throw new ProxyError("client_connect_rate", "client");
      case "table_full":
        throw new ProxyError("client_table_full", "client");
    }
  }

  #full(): undefined {
    if (this.#config.limits.whenFull !== "wait") throw new ProxyError("connection_limit", "client");
  }

  #checkAccess(address: string): void {
    if (!this.#access.permits(address)) throw new ProxyError("access_denied", "client");
  }
}
