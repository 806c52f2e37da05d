/** Connects one service to an endpoint: TCP, TLS, and the preface before it. */

import {
  type Adapter,
  applySocketOptions,
  type Conn,
  type SocketOptions,
  writeAll,
} from "../net/socket/conn.ts";
import { dial } from "../net/socket/dial.ts";
import { ProxyError, proxyErrorOf } from "../net/errors.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Group } from "./group.ts";
import { PermittedConn } from "./pool/permitted_conn.ts";
import { type Permit, UNCOUNTED } from "./pool/connection_semaphore.ts";
import type { UpstreamTls } from "./upstream_tls.ts";

/** How a service connects to its upstreams. */
export interface UpstreamDialerOptions extends SocketOptions {
  readonly adapter: Adapter;
  /** Milliseconds for one attempt, TLS included; 0 is no limit. */
  readonly connectTimeout: number;
  /** The local IP address to connect from; undefined leaves it to the kernel. */
  readonly sourceAddress: string | undefined;
  /** Undefined is no TLS. */
  readonly tls: UpstreamTls | undefined;
  /** Every connection begins with a PROXY header, and TLS comes after it (as in HAProxy with `send-proxy ssl`). */
  readonly hasPreface: boolean;
  /** Connects to an address; that of `net` by default. */
  readonly dial?: typeof dial;
}

/** Opens connections, and reports the results to the group. */
export class UpstreamDialer {
  readonly #group: Group;
  readonly #options: UpstreamDialerOptions;

  constructor(group: Group, options: UpstreamDialerOptions) {
    this.#group = group;
    this.#options = options;
  }

  /**
   * Connects as far as is possible before the client is known: TLS too, unless a preface must come first.
   *
   * @param permit Released when the connection is closed, or when there will be none.
   * @throws {ProxyError} or the reason of `signal`.
   */
  open(endpoint: Endpoint, permit: Permit, signal: AbortSignal): Promise<Conn> {
    const { adapter, sourceAddress: localAddress, dial: connect = dial } = this.#options;
    const startedAt = performance.now();
    // Not an async function: each further promise slows short connections down.
    return connect(endpoint.address, { adapter, localAddress, signal }).then(
      (dialled) => {
        const conn = permit === UNCOUNTED ? dialled : new PermittedConn(dialled, permit);
        return this.#connected(endpoint, conn, startedAt, signal);
      },
      (cause) => {
        permit[Symbol.dispose]();
        throw this.failed(endpoint, cause);
      },
    );
  }

  #connected(
    endpoint: Endpoint,
    conn: Conn,
    startedAt: number,
    signal: AbortSignal,
  ): Conn | Promise<Conn> {
    const { tls, hasPreface } = this.#options;
    try {
      applySocketOptions(conn, this.#options);
    } catch (cause) {
      conn.close();
      throw this.failed(endpoint, cause);
    }
    if (tls !== undefined && !hasPreface) return this.#secured(tls, endpoint, conn, startedAt, signal);
    this.#group.connected(endpoint, performance.now() - startedAt);
    return conn;
  }

  async #secured(
    tls: UpstreamTls,
    endpoint: Endpoint,
    conn: Conn,
    startedAt: number,
    signal: AbortSignal,
  ): Promise<Conn> {
    try {
      const secured = await secure(tls, endpoint, conn, signal);
      this.#group.connected(endpoint, performance.now() - startedAt);
      return secured;
    } catch (cause) {
      conn.close();
      throw this.failed(endpoint, cause);
    }
  }

  /**
   * Sends the preface, and then begins TLS where the service has it. Owns the connection: it is closed if that
   * fails.
   *
   * @throws {ProxyError} or the reason of `signal`.
   */
  async begin(endpoint: Endpoint, conn: Conn, preface: Uint8Array, signal: AbortSignal): Promise<Conn> {
    try {
      signal.throwIfAborted();
      await writeAll(conn, preface);
    } catch (cause) {
      conn.close();
      if (signal.aborted) throw signal.reason;
      throw new ProxyError("connection_reset", "upstream", { cause });
    }
    const { tls } = this.#options;
    return tls === undefined ? conn : await secure(tls, endpoint, conn, signal);
  }

  /** The error of a connection; counts against the endpoint if the endpoint caused it. */
  failed(endpoint: Endpoint, cause: unknown): ProxyError {
    const error = proxyErrorOf(cause, "upstream");
    if (error.side === "upstream") this.#group.connectionFailed(endpoint, error);
    return error;
  }
}

/** Closes the connection if it fails. */
async function secure(tls: UpstreamTls, endpoint: Endpoint, conn: Conn, signal: AbortSignal): Promise<Conn> {
  try {
    return await tls.startTls(conn, endpoint.address, signal);
  } catch (cause) {
    const error = proxyErrorOf(cause, "upstream");
    // The timeout is for TCP and TLS together, and TCP succeeded.
    throw error.code === "connect_timeout" ? new ProxyError("tls_handshake_timeout", "upstream") : error;
  }
}
