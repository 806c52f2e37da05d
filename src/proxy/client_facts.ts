/** The facts about a client: from its socket, a PROXY header, and its ClientHello. */

import type { ServiceConfig } from "../config/config.ts";
import { type Address, formatAddress, hostOf } from "../net/address.ts";
import { ProxyError } from "../net/errors.ts";
import type { Conn } from "../net/socket/conn.ts";
import type { ClientHello } from "../wire/client_hello/client_hello.ts";
import { clientHelloIn, type FirstBytes, NO_BYTES_YET } from "../net/socket/first_bytes.ts";
import type { TlsFacts } from "../net/tls/server.ts";
import { type ClientIdentity, identityByName, identityOf } from "../wire/certificate/client_identity.ts";
import { protocolOf } from "../wire/protocols/registry.ts";
import type { Preface } from "../upstream/upstream_dialer.ts";
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

/** How many of a client's first bytes a message shows. */
const SHOWN = 4;

/** Why a client has sent nothing. */
const NOTHING_SENT = {
  closed: "closed before it sent anything",
  late: "nothing sent in time",
  full: undefined,
} as const;

const NO_HEADER = new Uint8Array(0);

const NO_TLVS: ProxyTlvs = {};

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
  #received: ProxyTlvs = NO_TLVS;
  #identity: ClientIdentity | undefined;
  #first = NO_BYTES_YET;
  #isHelloSeen = false;
  #isSettled = false;
  /** The ClientHello that was read before its route is chosen. */
  hello: ClientHello | undefined;
  /** It has asked for TLS in its protocol, and sluice has agreed before its route was known. */
  hasAskedForTls = false;
  /** The reason why there is no ClientHello, after an attempt to read one. */
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

  /**
   * What the client's certificate says: the one that was verified here, else that which the sender of the PROXY header
   * has verified, of which only the common name is known.
   */
  get identity(): ClientIdentity | undefined {
    if (this.#tls === undefined) return identityIn(this.#received.tls);
    const { clientCertificate } = this.#tls;
    return this.#identity ??= clientCertificate && identityOf(clientCertificate);
  }

  get first(): FirstBytes {
    return this.#first;
  }

  /** Takes in what the client has sent so far. */
  peeked(first: FirstBytes): void {
    this.#first = first;
    const hello = this.awaitsHello ? clientHelloIn(first) : undefined;
    if (hello === undefined) return;
    this.#isHelloSeen = true;
    if (typeof hello === "string") this.noHello = hello;
    else this.#greeted(hello);
  }

  /**
   * The route is certain; the ClientHello is read only to recognise an ACME check, or for faults. Facts from the PROXY
   * header stay, else the route could change.
   */
  settle(): void {
    this.#isSettled = true;
  }

  #greeted(hello: ClientHello): void {
    this.hello = hello;
    const { serverName, alpn } = hello;
    if (!this.#isSettled || this.serverName === undefined) this.serverName = serverName;
    if (!this.#isSettled || this.alpn === undefined) this.alpn = alpn;
  }

  /** What the client has sent first, in words. */
  get beginning(): string | undefined {
    const { bytes, end } = this.#first;
    if (bytes.length === 0) return end && NOTHING_SENT[end];
    const protocol = protocolOf(bytes);
    if (protocol !== undefined) return `it speaks ${protocol}`;
    // No more of them: a password may follow.
    return `unknown protocol, it begins with hex:${bytes.subarray(0, SHOWN).toHex()}`;
  }

  /** The route is chosen: the bytes are not kept in memory. */
  forgetFirst(): void {
    this.#first = NO_BYTES_YET;
  }

  /** Whether the client may still send a ClientHello, or more of it, that says its server name. */
  get awaitsHello(): boolean {
    return !this.#isHelloSeen && this.#tls === undefined && !this.isDecrypted;
  }

  /** Whether its server name is not known, and a ClientHello may still say it. */
  get awaitsName(): boolean {
    return this.serverName === undefined && this.awaitsHello;
  }

  /**
   * TLS with the client is terminated here.
   *
   * @param isRouted Whether its route is chosen already.
   * @throws {ProxyError} when that was by another name: its certificates and authorities would be those of that name.
   */
  secured(tls: TlsFacts, isRouted: boolean): void {
    const [name, first] = [tls.serverName, this.serverName].map((each) =>
      each?.replace(/\.$/, "").toLowerCase()
    );
    const isKnown = first !== undefined || this.hello !== undefined;
    if (isRouted && isKnown && name !== undefined && name !== first) {
      const detail = `It asked for ${this.serverName ?? "no name"} first, then for ${name}`;
      throw new ProxyError("tls_handshake_failed", "client", { detail });
    }
    this.#tls = tls;
    this.serverName = tls.serverName;
    this.alpn = tls.alpn === undefined ? [] : [tls.alpn];
  }

  /**
   * What an upstream connection begins with. In a service with `peek.starttls`, every one has a preface, as TLS with
   * the upstream must wait for that of some.
   *
   * @param isPassed Whether the client's TLS, if it has any, passes through.
   */
  toPreface(
    { sendProxyProtocol, peek: { starttls } }: Pick<ServiceConfig, "sendProxyProtocol" | "peek">,
    isPassed: boolean,
  ): Preface | undefined {
    const header = sendProxyProtocol && this.toHeader(sendProxyProtocol);
    if (starttls === undefined) return header;
    return isPassed && this.hasAskedForTls
      ? { header: header ?? NO_HEADER, asksFor: starttls }
      : header ?? NO_HEADER;
  }

  /**
   * The PROXY header for the upstream. Clients without an IP address are announced as the proxy's own connection
   * (LOCAL), because haproxy resets connections with headers of the unix family.
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

/** Of a certificate that the sender says it has verified. */
function identityIn(tls: ProxyTls | undefined): ClientIdentity | undefined {
  const { client = 0, verify, commonName } = tls ?? {};
  const isVerified = verify === 0 && (client & (CLIENT_CERT_CONN | CLIENT_CERT_SESS)) !== 0;
  return isVerified && commonName ? identityByName(commonName) : undefined;
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
