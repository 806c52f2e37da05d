/** Who comes in, and how many at a time: everything that is decided before a connection costs anything. */

import type { ServiceConfig } from "../config/config.ts";
import { ProxyError } from "../net/errors.ts";
import { ClientTable } from "../observe/client_table.ts";
import type { Gauge } from "../observe/gauge.ts";
import { RateLimit } from "../observe/rate_limit.ts";
import { clientKeyOf } from "../wire/client_key.ts";
import { AccessList } from "./access_list.ts";
import { TrustedPeers } from "./trusted_peers.ts";

/** Clients whose connections can be counted at the same time, per service. */
const MAX_CLIENTS = 65_536;

/** All clients without an address, which a PROXY header may bring, are one: limits fail closed. */
const NO_ADDRESS = { family: 0, high: 0, low: 0 };

/** A place that is taken; disposing of it gives it back. */
export type Place = Disposable;

/** A count and how high it may go; 0 is no limit. */
export interface LimitedGauge {
  readonly gauge: Gauge;
  readonly limit: number;
}

const FREE: Place = { [Symbol.dispose]() {} };

export class Admission {
  readonly #config: ServiceConfig;
  readonly #access: AccessList;
  readonly #trusted: TrustedPeers | undefined;
  readonly #counts: readonly LimitedGauge[];
  readonly #rate: RateLimit | undefined;
  readonly #clients: ClientTable | undefined;
  /** Told when a place becomes free. */
  readonly #waiting = new Set<() => void>();

  /**
   * @param gauge Counts the connections of the service.
   * @param all Counts those of all services.
   */
  constructor(config: ServiceConfig, gauge: Gauge, all: LimitedGauge) {
    const { limits } = config;
    this.#config = config;
    this.#access = new AccessList(config.allow, config.deny);
    this.#trusted = config.acceptProxyProtocol && new TrustedPeers(config.acceptProxyProtocol.from);
    this.#counts = [all, { gauge, limit: limits.connections }];
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
    const entered: Gauge[] = [];
    for (const { gauge, limit } of this.#counts) {
      if (gauge.enter(limit)) {
        entered.push(gauge);
        continue;
      }
      for (const each of entered) each.leave();
      if (this.#config.limits.whenFull === "wait") return undefined;
      throw new ProxyError("connection_limit", "client");
    }
    // A rate that was used up by clients who found no place would keep others out for nothing.
    if (this.#rate?.take() === false) {
      for (const each of entered) each.leave();
      throw new ProxyError("connect_rate", "client");
    }
    return {
      [Symbol.dispose]: () => {
        for (const each of entered) each.leave();
        for (const wake of this.#waiting) wake();
      },
    };
  }

  /** Resolves when a place may have become free, or `signal` aborts. */
  freed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#waiting.delete(done);
        signal.removeEventListener("abort", done);
        resolve();
      };
      this.#waiting.add(done);
      signal.addEventListener("abort", done, { once: true });
    });
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

  #checkAccess(address: string): void {
    if (!this.#access.permits(address)) throw new ProxyError("access_denied", "client");
  }
}
