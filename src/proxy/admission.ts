/** Who comes in, and how many at a time: everything that is decided before a connection costs anything. */

import type { ServiceConfig } from "../config/config.ts";
import { ProxyError } from "../net/errors.ts";
import { abortable } from "../net/abortable.ts";
import type { ClientTable } from "../observe/client_table.ts";
import type { RateLimit } from "../observe/rate_limit.ts";
import { clientKeyOf } from "../wire/client_key.ts";
import { AccessList } from "./access_list.ts";
import { CountLimit } from "./count_limit.ts";
import { TrustedPeers } from "./trusted_peers.ts";

/** All clients without an address, which a PROXY header may bring, are one: limits fail closed. */
const NO_ADDRESS = { family: 0, high: 0, low: 0 };

/** A place that is taken; disposing of it gives it back. */
export type Place = Disposable;

const FREE: Place = { [Symbol.dispose]() {} };

/** What clients are counted with, in all threads. */
export interface AdmissionParts {
  /** Connections of the service, and of all services. */
  readonly own: CountLimit;
  readonly all: CountLimit;
  /** How fast they come. */
  readonly rate: RateLimit | undefined;
  /** What each client has open, and how fast it comes. */
  readonly clients: ClientTable | undefined;
}

export class Admission {
  readonly #config: ServiceConfig;
  readonly #parts: AdmissionParts;
  readonly #access: AccessList;
  readonly #trusted: TrustedPeers | undefined;
  /** All places are alike, so one object stands for each. */
  readonly #place: Place = {
    [Symbol.dispose]: () => {
      this.#parts.own.leave();
      this.#parts.all.leave();
    },
  };

  constructor(config: ServiceConfig, parts: AdmissionParts) {
    this.#config = config;
    this.#parts = parts;
    this.#access = new AccessList(config.allow, config.deny);
    this.#trusted = config.acceptProxyProtocol && new TrustedPeers(config.acceptProxyProtocol.from);
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
    const { own, all, rate } = this.#parts;
    if (own.isFull || !all.enter()) return this.#full();
    if (!own.enter()) {
      all.undo();
      return this.#full();
    }
    // Last: clients who found no place must not use up the rate of others.
    if (rate?.take() === false) {
      this.#place[Symbol.dispose]();
      throw new ProxyError("connect_rate", "client");
    }
    return this.#place;
  }

  /**
   * The same, once there is a place.
   *
   * @throws {ProxyError} or the reason of `signal`.
   */
  async waitForPlace(signal: AbortSignal): Promise<Place> {
    let freed = Promise.withResolvers<void>();
    const onFree = () => freed.resolve();
    using _all = this.#parts.all.onFree(onFree);
    using _own = this.#parts.own.onFree(onFree);
    for (;;) {
      signal.throwIfAborted();
      freed = Promise.withResolvers<void>();
      const place = this.enter();
      if (place !== undefined) return place;
      await abortable(freed.promise, signal);
    }
  }

  /**
   * Takes a place among the connections of one client, known by its own address by now.
   *
   * @throws {ProxyError}
   */
  enterClient(address: string): Place {
    const { clients } = this.#parts;
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
