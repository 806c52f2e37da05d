/** TLS with upstreams, on node:tls over any {@linkcode Conn}. */

import {
  connect,
  type ConnectionOptions,
  createSecureContext,
  type SecureContext,
  type TLSSocket,
} from "node:tls";
import { readCertificate } from "../../wire/certificate/certificate.ts";
import { ServerIdentity } from "../../wire/certificate/server_identity.ts";
import type { Conn } from "../socket/conn.ts";
import { ChainVerifier } from "./chain.ts";
import { TlsConn } from "./tls_conn.ts";
import type { TlsIdentity } from "./credentials.ts";
import { ConnDuplex } from "./duplex.ts";
import { certificateRejected, tlsErrorOf } from "./errors.ts";
import { peerChainOf, withoutParsedChain } from "../workarounds/tls_peer_chain.ts";

export interface TlsClientOptions {
  /** The authorities that the upstream's certificate must come from, as PEM; those of Deno when undefined. */
  readonly authorities: readonly string[] | undefined;
  /** For an upstream that asks for a certificate. */
  readonly credentials: TlsIdentity | undefined;
  /** `false` accepts any certificate. */
  readonly verify: boolean;
  /** Protocols offered (RFC 7301), the preferred ones first. */
  readonly alpn: readonly string[];
}

/**
 * The settings that upstream connections of one kind share. Deno.startTls would take less CPU, but it sends no client
 * certificate, always verifies, and trusts public authorities in addition to those given.
 */
export class TlsClient {
  readonly #options: TlsClientOptions;
  readonly #context: SecureContext;
  readonly #upstreams: ChainVerifier;

  constructor(options: TlsClientOptions) {
    const { authorities, credentials } = options;
    this.#options = options;
    this.#upstreams = new ChainVerifier(authorities ?? [], "upstream");
    this.#context = createSecureContext({
      minVersion: "TLSv1.2",
      ...authorities === undefined ? {} : { ca: [...authorities] },
      ...credentials === undefined ? {} : { cert: credentials.cert, key: credentials.key },
    });
  }

  /**
   * Shakes hands with the upstream on `conn`. Owns the connection: closes it on failure. A TLS 1.3 upstream that
   * rejects our certificate reports it later: the first read throws `tls_refused`.
   *
   * @param serverName The name or address that the certificate must be for; a name is also sent (SNI).
   * @param signal Its reason is thrown when it aborts before the handshake is done.
   * @throws {ProxyError} of side `upstream`; see {@linkcode tlsErrorOf}.
   */
  async startTls(conn: Conn, serverName: string, signal: AbortSignal): Promise<Conn> {
    const duplex = new ConnDuplex(conn);
    const outcome = Promise.withResolvers<Conn>();
    const end = (cause: unknown) => {
      outcome.reject(cause);
      duplex.destroy();
    };
    const onAbort = () => end(signal.reason);
    signal.addEventListener("abort", onAbort);
    try {
      if (signal.aborted) onAbort();
      else this.#connect(conn, duplex, serverName).then(outcome.resolve, end);
      return await outcome.promise;
    } catch (cause) {
      conn.close();
      throw cause;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  #connect(inner: Conn, duplex: ConnDuplex, serverName: string): Promise<Conn> {
    const { promise, resolve, reject } = Promise.withResolvers<Conn>();
    const { alpn } = this.#options;
    let isSecure = false;
    const fail = (cause?: unknown) => {
      if (!isSecure) reject(tlsErrorOf(cause, "upstream"));
    };
    const options: ConnectionOptions = {
      socket: duplex,
      secureContext: this.#context,
      // Sent unless it is an address (RFC 6066 section 3).
      host: serverName,
      // Checked here, because node:tls would close before the fault of the certificate could be read.
      rejectUnauthorized: false,
      // The check of node:tls parses names from a text in which one name can look like several.
      checkServerIdentity: () => undefined,
      ...alpn.length === 0 ? {} : { ALPNProtocols: [...alpn] },
    };
    const socket = withoutParsedChain(connect(options));
    duplex.whenOver(fail);
    socket.on("error", fail);
    socket.once("secureConnect", () => {
      const fault = this.#certificateFault(socket, serverName);
      if (fault !== undefined) fail(certificateRejected("upstream", fault));
      else {
        isSecure = true;
        resolve(new TlsConn({ inner, duplex, socket, side: "upstream" }));
      }
    });
    return promise;
  }

  #certificateFault(socket: TLSSocket, serverName: string): string | undefined {
    if (!this.#options.verify) return undefined;
    try {
      const chain = peerChainOf(socket);
      if (chain.length === 0) return "there is none";
      const fault = this.#chainFault(socket, chain);
      if (fault !== undefined) return fault;
      const identity = new ServerIdentity(readCertificate(chain[0]!));
      return identity.isFor(serverName) ? undefined : `it is not for "${serverName}" but for ${identity}`;
    } catch (cause) {
      // If anything throws here, the certificate is rejected.
      return `it cannot be read: ${(cause as Error).message}`;
    }
  }

  /**
   * If its library cannot parse the certificates of a chain, such as X.509 version 1, Deno 2.9.6 checks only names and
   * calls the chain authorized. So if authorities are configured, every chain is also validated here, once.
   */
  #chainFault(socket: TLSSocket, chain: readonly Uint8Array[]): string | undefined {
    const { authorities } = this.#options;
    if (!socket.authorized) {
      return this.#upstreams.explain(chain) ?? `it does not verify (${socket.authorizationError})`;
    }
    if (authorities !== undefined) return this.#upstreams.faultOf(chain);
    // On a resumed session, it is unknown whether the certificate was verified. Deno 2.9.6 never resumes
    // client sessions.
    return socket.isSessionReused() ? "it was not verified: the session was resumed" : undefined;
  }
}
