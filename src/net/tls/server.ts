/** TLS with clients on node:tls: over any {@linkcode Conn}, with several certificates and clients' certificates. */

import type { TLSSocket } from "node:tls";
import { isDeepStrictEqual } from "node:util";
import { readHolder } from "../../wire/certificate/certificate.ts";
import { DistinguishedName } from "../../wire/certificate/distinguished_name.ts";
import type { Conn } from "../socket/conn.ts";
import { ProxyError, proxyErrorOf } from "../errors.ts";
import { ReadAheadConn } from "../socket/read_ahead_conn.ts";
import { TlsConn } from "./tls_conn.ts";
import type { AcmeAnswers } from "./acme/answers.ts";
import type { TlsIdentity } from "./credentials.ts";
import { ConnDuplex } from "./duplex.ts";
import { certificateRejected, tlsErrorOf } from "./errors.ts";
import type { PendingHandshakes } from "./pending.ts";
import { TlsContexts, type TlsServerPool } from "./contexts.ts";
import { peerChainOf } from "../workarounds/tls_peer_chain.ts";

/** The longest ClientHello whose name is read, in bytes: node:tls accepts none longer. */
const MAX_HELLO = 64 * 1024;

/**
 * `require`: a client needs a certificate; `request`: it may have none, but not a bad one; `none`: none is requested.
 */
export type ClientAuth = "require" | "request" | "none";

export interface TlsServerOptions {
  /** A client gets the one for the name that it asks for, else the first. Without any, clients are refused. */
  readonly certificates: readonly TlsIdentity[];
  /** Where the answers to checks of an ACME server are; undefined answers none. */
  readonly acmeAnswers?: AcmeAnswers | undefined;
  /** The authorities for certificates of clients, as PEM. */
  readonly clientAuthorities: readonly string[];
  readonly clientAuth: ClientAuth;
  /** Lists of revoked certificates of clients, as DER; undefined does not check for them. */
  readonly revocationLists?: readonly Uint8Array[] | undefined;
  /** Protocols offered (RFC 7301), the preferred ones first; a client that offers only others is refused. */
  readonly alpn: readonly string[];
  readonly minVersion: "1.2" | "1.3";
}

/** The results of a handshake with a client. */
export interface TlsFacts {
  /** The name that the client asked for (SNI), spelled as it sent it. */
  readonly serverName?: string;
  /** The protocol that both agreed on (ALPN). */
  readonly alpn?: string;
  /** `TLSv1.2` or `TLSv1.3`. */
  readonly version?: string;
  /** The subject of a verified client certificate, with misleading characters escaped: `O=Acme, CN=alice`. */
  readonly clientSubject?: string;
  /** Its common name, unescaped; the last one of several: `alice`. */
  readonly clientName?: string;
  /** That certificate, as DER. */
  readonly clientCertificate?: Uint8Array;
  /** The session was resumed: the certificate was sent in an earlier handshake. */
  readonly isResumed?: true;
}

/** A connection inside TLS. */
export interface Terminated {
  readonly conn: Conn;
  readonly facts: TlsFacts;
}

export class TlsServer {
  readonly #pending: PendingHandshakes;
  #contexts: TlsContexts;

  /** @throws {TypeError} when clients' certificates are asked for and no authority is given. */
  constructor(options: TlsServerOptions, pending: PendingHandshakes) {
    this.#pending = pending;
    this.#contexts = new TlsContexts(options);
  }

  /**
   * New handshakes use these options; handshakes in progress and open connections stay as they are. Returns
   * false and does nothing if the options are the same, as in most reloads: a node:tls server has more memory
   * outside V8's heap than V8 knows of.
   */
  update(options: TlsServerOptions): boolean {
    if (isDeepStrictEqual(options, this.#contexts.options)) return false;
    this.#contexts = new TlsContexts(options);
    return true;
  }

  /**
   * Shakes hands with the client on `conn`. Owns the connection: closes it on failure.
   *
   * @param signal Its reason is thrown when it aborts before the handshake is done.
   * @throws {ProxyError} of side `client`; see {@linkcode tlsErrorOf}.
   */
  async terminate(conn: Conn, signal: AbortSignal): Promise<Terminated> {
    const contexts = this.#contexts;
    const handshake = new ServerHandshake(contexts);
    const onAbort = () => handshake.end(signal.reason);
    try {
      // Before it enters `#pending`: a connection that has already ended must not evict another.
      signal.throwIfAborted();
      using _pending = this.#pending.enter((reason) => handshake.end(reason));
      signal.addEventListener("abort", onAbort);
      // Nothing is waited for but the end of the handshake, which may come at any time.
      if (contexts.goesByName) void handshake.beginByName(conn);
      else handshake.begin(conn, contexts.servers);
      return await handshake.done;
    } catch (cause) {
      conn.close();
      throw cause;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }
}

class ServerHandshake {
  readonly #contexts: TlsContexts;
  readonly #outcome = Promise.withResolvers<Terminated>();
  /** Set while the name that the client asks for is being read; aborts that. */
  #looking: AbortController | undefined;
  #duplex: ConnDuplex | undefined;
  #isDone = false;

  constructor(contexts: TlsContexts) {
    this.#contexts = contexts;
  }

  /** Rejects with a {@linkcode ProxyError}, or with what {@linkcode end} was called with. */
  get done(): Promise<Terminated> {
    return this.#outcome.promise;
  }

  /** Begins with the certificate for the name that the client asks for. Never rejects. */
  async beginByName(conn: Conn): Promise<void> {
    this.#looking = new AbortController();
    const begun = new ReadAheadConn(conn, MAX_HELLO);
    try {
      this.begin(begun, await this.#contexts.serversFor(begun, this.#looking.signal));
    } catch (cause) {
      const error = proxyErrorOf(cause, "client");
      error.sentNothing = begun.broughtNothing;
      this.end(error);
    }
  }

  /** Has no effect after {@linkcode end}. */
  begin(conn: Conn, servers: TlsServerPool): void {
    if (this.#isDone) return;
    const duplex = this.#duplex = new ConnDuplex(conn);
    duplex.whenOver((cause) => this.end(cause));
    const server = servers.take();
    server.on("secureConnection", (socket) => {
      servers.release(server);
      if (!this.#isDone) {
        this.#onSecure(socket, new TlsConn({ inner: conn, duplex, socket, side: "client" }));
      }
    });
    server.on("tlsClientError", (error) => {
      servers.release(server);
      this.end(error);
    });
    server.emit("connection", duplex);
  }

  /** Has no effect after the handshake. Without a cause, the client has disconnected. */
  end(cause?: unknown): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#outcome.reject(this.#errorOf(cause));
    this.#looking?.abort();
    this.#duplex?.destroy();
  }

  #errorOf(cause: unknown): unknown {
    if (cause instanceof ProxyError || cause !== undefined && !(cause instanceof Error)) return cause;
    const error = tlsErrorOf(cause, "client");
    // Without a byte, nothing but the end of the connection can fail.
    error.sentNothing = this.#duplex?.hasReceived === false;
    return error;
  }

  #onSecure(socket: TLSSocket, conn: Conn): void {
    const client = this.#contexts.options.clientAuth === "none" ? undefined : this.#verified(socket);
    if (!this.#isDone) {
      this.#isDone = true;
      this.#outcome.resolve({ conn, facts: factsOf(socket, client) });
    }
  }

  /** The client's certificate, if it has one; ends the handshake when it is refused. */
  #verified(socket: TLSSocket): Verified | undefined {
    try {
      const chain = peerChainOf(socket);
      if (chain.length === 0) {
        if (this.#contexts.options.clientAuth === "require") {
          const detail = "The client sent no certificate";
          this.end(new ProxyError("tls_certificate_rejected", "client", { detail }));
        }
        return undefined;
      }
      const { subject, notBefore, notAfter } = readHolder(chain[0]!);
      const now = Date.now();
      const { clients } = this.#contexts;
      // node:tls does not check whether the certificate of a resumed session is valid for this server now.
      const isVerified = socket.authorized && !socket.isSessionReused() && notBefore <= now &&
        now <= notAfter && !clients.checksRevocation;
      const fault = isVerified
        ? undefined
        : socket.authorized
        ? clients.faultOf(chain, now)
        : clients.explain(chain, now) ?? `it does not verify (${socket.authorizationError})`;
      if (fault !== undefined) this.end(certificateRejected("client", fault));
      return { certificate: chain[0]!, subject: new DistinguishedName(subject) };
    } catch (cause) {
      // If anything throws here, the client is refused.
      const rejected = (fault: Error) =>
        certificateRejected("client", `it cannot be read: ${fault.message}`, fault);
      this.end(cause instanceof ProxyError ? cause : rejected(cause as Error));
    }
  }
}

/** The certificate of a client, as DER, and its subject. */
interface Verified {
  readonly certificate: Uint8Array;
  readonly subject: DistinguishedName;
}

function factsOf(socket: TLSSocket, client: Verified | undefined): TlsFacts {
  // Node.js uses false, null or "" for a missing value.
  const { servername, alpnProtocol } = socket as { servername?: unknown; alpnProtocol?: unknown };
  const version = socket.getProtocol();
  const clientName = client?.subject.commonName;
  return {
    ...typeof servername === "string" && servername !== "" ? { serverName: servername } : {},
    ...typeof alpnProtocol === "string" && alpnProtocol !== "" ? { alpn: alpnProtocol } : {},
    ...version === null ? {} : { version },
    ...client === undefined
      ? {}
      : { clientSubject: String(client.subject), clientCertificate: client.certificate },
    ...clientName === undefined ? {} : { clientName },
    ...client !== undefined && socket.isSessionReused() ? { isResumed: true } : {},
  };
}
