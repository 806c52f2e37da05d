/** The facts about a client: from its socket, a PROXY header, and its ClientHello. */

import { type Address, formatAddress, hostOf } from "../net/address.ts";
import type { Conn } from "../net/socket/conn.ts";
import type { TlsFacts } from "../net/tls/server.ts";
import { encodeProxyHeader } from "../wire/proxy_protocol/proxy_protocol.ts";
import {
  CLIENT_CERT_CONN,
  CLIENT_CERT_SESS,
  CLIENT_TLS,
  type ProxyHeader,
  type ProxyTls,
  type ProxyTlvs,
} from "../wire/proxy_protocol/header.ts";
import type { RouteFacts } from "./match/condition.ts";

/**
 * The longest common name that is sent to an upstream, in characters; certificates allow 64 at most (RFC
 * 5280).
 */
const LONGEST_NAME = 256;

export class ClientFacts implements RouteFacts {
  /** Its addresses are read only when needed, because Deno's address objects are slow to read. */
  readonly #conn: Conn;
  #knownSource: Address | undefined;
  #knownDestination: Address | undefined;
  serverName: string | undefined;
  /** What a ClientHello offers, or once TLS is terminated the one protocol agreed on. */
  alpn: readonly string[] | undefined;
  #tls: TlsFacts | undefined;
  /** The fields of the PROXY header other than addresses. */
  #received: ProxyTlvs = {};
  /** Why there is no ClientHello, after an attempt to read one. */
  noHello: string | undefined;

  constructor(client: Conn) {
    this.#conn = client;
  }

  get #source(): Address {
    return this.#knownSource ??= this.#conn.remoteAddress;
  }

  get #destination(): Address {
    return this.#knownDestination ??= this.#conn.localAddress;
  }

  /** The port of the listener, regardless of a PROXY header. */
  get listenPort(): number {
    return portOf(this.#conn.localAddress);
  }

  /** The client's address, for logs. */
  get client(): string {
    return formatAddress(this.#source);
  }

  /** The address that the client connected to, for logs. */
  get listener(): string {
    return formatAddress(this.#destination);
  }

  get sourceAddress(): string {
    return hostOf(this.#source);
  }

  get sourcePort(): number {
    return portOf(this.#source);
  }

  /** Uses the addresses of a PROXY header; false if it has none (LOCAL, UNKNOWN) and those of the socket stay. */
  takeOver({ command: _command, source, destination, ...tlvs }: ProxyHeader): boolean {
    if (source === undefined || destination === undefined) return false;
    this.#knownSource = source;
    this.#knownDestination = destination;
    this.#received = tlvs;
    this.serverName = tlvs.authority;
    if (tlvs.alpn !== undefined) this.alpn = [tlvs.alpn];
    return true;
  }

  /** The peer that sent the PROXY header terminates TLS: it sends plain bytes. */
  get isDecrypted(): boolean {
    return ((this.#received.tls?.client ?? 0) & CLIENT_TLS) !== 0;
  }

  /** TLS with the client is terminated here. */
  secured(tls: TlsFacts): void {
    this.#tls = tls;
    this.serverName = tls.serverName;
    this.alpn = tls.alpn === undefined ? [] : [tls.alpn];
  }

  /**
   * The PROXY header for the upstream. Clients without an IP address are announced as the proxy's
   * own connection (LOCAL), as haproxy does, which resets connections with headers of the unix family.
   */
  toHeader(version: "v1" | "v2"): Uint8Array {
    if (this.#source.transport === "unix") {
      return encodeProxyHeader({ command: "local" }, version === "v1" ? 1 : 2);
    }
    const header: ProxyHeader = {
      command: "proxy",
      source: this.#source,
      destination: this.#destination,
      ...this.#tlvs(),
    };
    return encodeProxyHeader(header, version === "v1" ? 1 : 2);
  }

  #tlvs(): ProxyTlvs {
    const { serverName } = this;
    const tls = this.#tls;
    return {
      ...this.#received,
      ...serverName === undefined ? {} : { authority: serverName },
      ...tls?.alpn === undefined ? {} : { alpn: tls.alpn },
      ...tls === undefined ? {} : { tls: tlvOf(tls) },
    };
  }
}

/** A certificate that is known was verified; without one, `verify` must not be 0 (proxy-protocol.txt, 2.2.6). */
function tlvOf({ version, clientSubject, clientName, isResumed }: TlsFacts): ProxyTls {
  const hasCertificate = clientSubject !== undefined;
  const certificate = CLIENT_CERT_SESS | (isResumed ? 0 : CLIENT_CERT_CONN);
  return {
    client: hasCertificate ? CLIENT_TLS | certificate : CLIENT_TLS,
    verify: hasCertificate ? 0 : 1,
    ...version === undefined ? {} : { version },
    ...clientName === undefined || isMistakable(clientName) ? {} : { commonName: clientName },
  };
}

/**
 * A truncated name, cut here or at a NUL by a program in C, could be that of another client: it is omitted.
 */
function isMistakable(name: string): boolean {
  return name.length > LONGEST_NAME || name.includes("\0");
}

function portOf(address: Address): number {
  return address.transport === "tcp" ? address.port : 0;
}
