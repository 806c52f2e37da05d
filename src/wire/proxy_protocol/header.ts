/** What a header of the PROXY protocol says (proxy-protocol.txt of HAProxy, sections 2.1 and 2.2). */

/**
 * The longest header that is accepted or sent, in bytes. Its length field allows 65 551, but a header should fit into
 * one segment, and real ones have a few hundred.
 */
export const MAX_PROXY_HEADER = 4096;

/** One end of a connection. A `hostname` is an IP address; a unix socket without a name has the empty path. */
export type ProxyAddress =
  | { readonly transport: "tcp"; readonly hostname: string; readonly port: number }
  | { readonly transport: "unix"; readonly path: string };

export interface ProxyHeader extends ProxyTlvs {
  /**
   * `local`: a connection of the proxy itself, such as a health check; everything else in the header is omitted. Send
   * it also for clients without an IP address: HAProxy 2.6 resets a connection whose version 2 header is `proxy`
   * without addresses.
   */
  readonly command: "local" | "proxy";
  /**
   * The client's address and the address it connected to; both or none. Without them (UNKNOWN, UNSPEC, datagrams), use
   * the addresses of the socket.
   */
  readonly source?: ProxyAddress;
  readonly destination?: ProxyAddress;
}

/** The fields that only version 2 has, as records of type, length and value (section 2.2, "TLV"). */
export interface ProxyTlvs {
  /** The application protocol, such as `h2`. It may be any bytes: each becomes a character (RFC 7301 section 3.1). */
  readonly alpn?: string;
  /** The host name that the client asked for: the server name of TLS. */
  readonly authority?: string;
  /** Opaque, at most 128 bytes. */
  readonly uniqueId?: Uint8Array;
  readonly tls?: ProxyTls;
  /** The network namespace. */
  readonly namespace?: string;
  /** Records of other types, in their order. */
  readonly others?: readonly ProxyTlv[];
}

/** TLS between the client and the proxy (section 2.2.6). */
export interface ProxyTls {
  /** The sum of {@linkcode CLIENT_TLS}, {@linkcode CLIENT_CERT_CONN} and {@linkcode CLIENT_CERT_SESS}. */
  readonly client: number;
  /** 0 when the client presented a certificate that was verified. */
  readonly verify: number;
  /** Such as `TLSv1.3`. */
  readonly version?: string;
  /** The common name of the client's certificate. */
  readonly commonName?: string;
  readonly cipher?: string;
  /** The signature algorithm of the proxy's certificate, and the type of its key. */
  readonly signatureAlgorithm?: string;
  readonly keyAlgorithm?: string;
  readonly others?: readonly ProxyTlv[];
}

export interface ProxyTlv {
  /** 0-255. */
  readonly type: number;
  readonly value: Uint8Array;
}

/** The client connected over TLS. */
export const CLIENT_TLS = 1;
/** It presented a certificate on this connection. */
export const CLIENT_CERT_CONN = 2;
/** It presented a certificate at least once in the TLS session that the connection belongs to. */
export const CLIENT_CERT_SESS = 4;

export type DecodedProxyHeader =
  /** Valid so far. The whole header has at least this many bytes. */
  | { readonly kind: "need_more"; readonly atLeast: number }
  /** No header begins like this, whatever follows. */
  | { readonly kind: "invalid"; readonly reason: string }
  /** The header is the first `length` bytes; the client's own bytes follow. */
  | { readonly kind: "header"; readonly header: ProxyHeader; readonly length: number };
