/** TLS with clients on node:tls: over any {@linkcode Conn}, with several certificates and clients' certificates. */

import type { TLSSocket } from "node:tls";
import { isDeepStrictEqual } from "node:util";
import { readHolder } from "../../wire/certificate/certificate.ts";
import { DistinguishedName } from "../../wire/certificate/distinguished_name.ts";
import type { Conn } from "../socket/conn.ts";
import { ProxyError } from "../errors.ts";
import { ReadAheadConn } from "../socket/read_ahead_conn.ts";
import { TlsConn } from "./tls_conn.ts";
import type { TlsIdentity } from "./credentials.ts";
import { ConnDuplex } from "./duplex.ts";
import { certificateRejected, tlsErrorOf } from "./errors.ts";
import type { PendingHandshakes } from "./pending.ts";
import { TlsContexts, type TlsServerPool } from "./contexts.ts";
import { peerChainOf } from "../workarounds/tls_peer_chain.ts";

/** The longest ClientHello whose name is looked at, in bytes: what node:tls takes at most. */
const MAX_HELLO = 64 * 1024;

/** `require`: a client needs a certificate; `request`: it may have none, but not a bad one; `none`: none is requested. */
export type ClientAuth = "require" | "request" | "none";

export interface TlsServerOptions {
  /** At least one. Chosen by the name a client asks for; the first is for those that ask for none or another. */
  readonly certificates: readonly TlsIdentity[];
  /** The authorities for certificates of clients, as PEM. */
  readonly clientAuthorities: readonly string[];
  readonly clientAuth: ClientAuth;
  /** Protocols offered (RFC 7301), the preferred ones first; a client that offers only others is refused. */
  readonly alpn: readonly string[];
  readonly minVersion: "1.2" | "1.3";
}

/** The results of a handshake with a client. */
export interface TlsFacts {
  /** The name the client asked for (SNI), as it wrote it. */
  readonly serverName?: string;
  /** The protocol agreed on. */
  readonly alpn?: string;
  /** `TLSv1.2` or `TLSv1.3`. */
  readonly version?: string;
  /** The subject of a verified client certificate, with misleading characters escaped: `O=Acme, CN=alice`. */
  readonly clientSubject?: string;
  /** Its common name unescaped, with any characters; the last one of several: `alice`. */
  readonly clientName?: string;
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
   * Shakes hands with the client on `conn`, and takes the connection over: it is closed when that fails.
   *
   * @param signal Its reason is thrown when it aborts before the handshake is done.
   * @throws {ProxyError} of side `client`; see {@linkcode tlsErrorOf}.
   */
  async terminate(conn: Conn, signal: AbortSignal): Promise<Terminated> {
    const contexts = this.#contexts;
    const handshake = new ServerHandshake(contexts);
    const onAbort = () => handshake.end(signal.reason);
    try {
      // Before it is counted: a connection that has already ended must not evict another.
      signal.throwIfAborted();
      using _pending = this.#pending.enter((reason) => handshake.end(reason));
      signal.addEventListener("abort", onAbort);
      if (contexts.goesByName) await handshake.beginByName(conn);
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
  /** While the name that the client asks for is being read. */
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

  /** With the certificate for the name that the client asks for. */
  async beginByName(conn: Conn): Promise<void> {
    // It may fail before a caller waits for it.
    this.done.catch(() => {});
    this.#looking = new AbortController();
    const begun = new ReadAheadConn(conn, MAX_HELLO);
    this.begin(begun, await this.#contexts.serversFor(begun, this.#looking.signal));
  }

  /** Without effect once {@linkcode end} was called. */
  begin(conn: Conn, servers: TlsServerPool): void {
    if (this.#isDone) return;
    const duplex = this.#duplex = new ConnDuplex(conn);
    duplex.whenOver((cause) => this.end(cause));
    const server = servers.take();
    server.on("secureConnection", (socket) => {
      servers.release(server);
      if (!this.#isDone) this.#onSecure(socket, new TlsConn({ inner: conn, duplex, socket, side: "client" }));
    });
    server.on("tlsClientError", (error) => {
      servers.release(server);
      this.end(error);
    });
    server.emit("connection", duplex);
  }

  /** Without effect once the handshake is done; without a cause the client has gone. */
  end(cause?: unknown): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#outcome.reject(cause === undefined || cause instanceof Error ? tlsErrorOf(cause, "client") : cause);
    this.#looking?.abort();
    this.#duplex?.destroy();
  }

  #onSecure(socket: TLSSocket, conn: Conn): void {
    const subject = this.#contexts.options.clientAuth === "none" ? undefined : this.#verified(socket);
    if (!this.#isDone) {
      this.#isDone = true;
      this.#outcome.resolve({ conn, facts: factsOf(socket, subject) });
    }
  }

  /** The subject of the client's certificate, if it has one; ends the handshake when it is refused. */
  #verified(socket: TLSSocket): DistinguishedName | undefined {
    try {
      const chain = peerChainOf(socket);
      if (chain.length === 0) {
        if (this.#contexts.options.clientAuth === "require") {
          this.end(
            new ProxyError("tls_certificate_rejected", "client", {
              detail: "The client sent no certificate",
            }),
          );
        }
        return undefined;
      }
      const { subject, notBefore, notAfter } = readHolder(chain[0]!);
      const now = Date.now();
      // node:tls does not check whether the certificate of a resumed session is valid for this server now.
      const isVerified = socket.authorized && !socket.isSessionReused() && notBefore <= now &&
        now <= notAfter;
      const { clients } = this.#contexts;
      const fault = isVerified
        ? undefined
        : socket.authorized
        ? clients.faultOf(chain, now)
        : clients.explain(chain, now) ?? `it does not verify (${socket.authorizationError})`;
      if (fault !== undefined) this.end(certificateRejected("client", fault));
      return new DistinguishedName(subject);
    } catch (cause) {
      // If anything throws here, the client is refused.
      this.end(certificateRejected("client", `it cannot be read: ${(cause as Error).message}`, cause));
    }
  }
}

function factsOf(socket: TLSSocket, subject: DistinguishedName | undefined): TlsFacts {
  // Node.js says false, null or "" for what there is not.
  const { servername, alpnProtocol } = socket as { servername?: unknown; alpnProtocol?: unknown };
  const version = socket.getProtocol();
  const clientName = subject?.commonName;
  return {
    ...typeof servername === "string" && servername !== "" ? { serverName: servername } : {},
    ...typeof alpnProtocol === "string" && alpnProtocol !== "" ? { alpn: alpnProtocol } : {},
    ...version === null ? {} : { version },
    ...subject === undefined ? {} : { clientSubject: String(subject) },
    ...clientName === undefined ? {} : { clientName },
    ...subject !== undefined && socket.isSessionReused() ? { isResumed: true } : {},
  };
}
