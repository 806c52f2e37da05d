/** How a service connects to the endpoints of a group, and what follows the dial: preface, TLS, greeting. */

import type { TlsConfig } from "../config/config.ts";
import type { Address } from "../net/address.ts";
import { type Adapter, type Conn, type SocketOptions, writeAll } from "../net/socket/conn.ts";
import type { dial } from "../net/socket/dial.ts";
import { ProxyError, proxyErrorOf } from "../net/errors.ts";
import { requestTls, skipGreeting } from "../net/tls/starttls.ts";
import type { AddressMapping } from "./mapping/mapping.ts";
import type { UpstreamTls } from "./upstream_tls.ts";

/** How a service connects to its upstreams. */
export interface UpstreamDialerOptions extends SocketOptions {
  readonly adapter: Adapter;
  /** Milliseconds for one attempt, TLS included; 0 is no limit. */
  readonly connectTimeout: number;
  /** The local IP address to connect from; undefined lets the kernel choose. */
  readonly sourceAddress: string | undefined;
  /** TLS with the upstream; undefined is none. */
  readonly tls: UpstreamTls | undefined;
  /** The protocol in which clients were greeted already: they get no second greeting. */
  readonly greetedBy?: TlsConfig["starttls"];
  /**
   * Every connection begins with a preface, such as a PROXY header, and TLS comes after it (as in HAProxy with
   * `send-proxy ssl`).
   */
  readonly hasPreface: boolean;
  /** Where each client goes, if that depends on the client. */
  readonly mapping?: AddressMapping | undefined;
  /** Where the service itself listens. */
  readonly ownListeners?: { has(address: Address): boolean };
  /** Connects to an address; that of `net` by default. */
  readonly dial?: typeof dial;
}

/** What a connection begins with once its client is known: a PROXY header, perhaps empty, and perhaps more. */
export type Preface = Uint8Array | {
  readonly header: Uint8Array;
  /** The client has asked for TLS in this protocol, and its TLS is passed through: the upstream is asked too. */
  readonly asksFor: NonNullable<TlsConfig["starttls"]>;
};

type Handshake = Pick<UpstreamDialerOptions, "tls" | "greetedBy">;

/**
 * Sends the preface, then begins TLS if the service has it. Owns the connection: closes it on failure.
 *
 * @throws {ProxyError} or the reason of `signal`.
 */
export async function begin(
  options: Handshake,
  address: Address,
  conn: Conn,
  preface: Preface,
  signal: AbortSignal,
): Promise<Conn> {
  const isHeader = preface instanceof Uint8Array;
  try {
    signal.throwIfAborted();
    await writeAll(conn, isHeader ? preface : preface.header);
  } catch (cause) {
    conn.close();
    if (signal.aborted) throw signal.reason;
    throw new ProxyError("connection_reset", "upstream", { cause });
  }
  return isHeader
    ? await secure(options, address, conn, signal)
    : await inTime(requestTls(conn, preface.asksFor, (begun) => Promise.resolve(begun), signal));
}

/** Begins TLS if the service has it, and removes a greeting that the client has had. Closes it on failure. */
export async function secure(
  { tls, greetedBy }: Handshake,
  address: Address,
  conn: Conn,
  signal: AbortSignal,
): Promise<Conn> {
  const secured = tls === undefined ? conn : await inTime(tls.startTls(conn, address, signal));
  return greetedBy === undefined ? secured : await skipGreeting(secured, greetedBy, signal);
}

/** The timeout is for TCP and TLS together; here, TCP has succeeded. */
async function inTime(handshake: Promise<Conn>): Promise<Conn> {
  try {
    return await handshake;
  } catch (cause) {
    const error = proxyErrorOf(cause, "upstream");
    throw error.code === "connect_timeout" ? new ProxyError("tls_handshake_timeout", "upstream") : error;
  }
}
