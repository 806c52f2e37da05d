/** TLS with clients on node:tls: over any {@linkcode Conn}, with several certificates and clients' certificates. */

import { createSecureContext, createServer, type SecureContext, type TLSSocket } from "node:tls";
import type { Conn } from "./conn.ts";
import type { Credentials } from "./tls_credentials.ts";
import { ConnDuplex } from "./tls_duplex.ts";
import { TlsConn } from "./tls_conn.ts";
import { certificateRejected, faultOf, tlsErrorOf } from "./tls_errors.ts";
import { ProxyError } from "./errors.ts";
import { ServerNames } from "./tls_names.ts";
import type { PendingHandshakes } from "./tls_pending.ts";

/** `require`: a client needs a certificate; `request`: it may have none, but not a bad one; `none`: not asked for. */
export type ClientAuth = "require" | "request" | "none";

export interface TlsServerOptions {
  /** At least one. Chosen by the name a client asks for; the first is for those that ask for none or another. */
  readonly certificates: readonly Credentials[];
  /** The authorities that clients' certificates must come from, as PEM; nobody else's. */
  readonly clientAuthorities: readonly string[];
  readonly clientAuth: ClientAuth;
  /** Protocols offered (RFC 7301), the preferred ones first; a client that offers only others is refused. */
  readonly alpn: readonly string[];
  readonly minVersion: "1.2" | "1.3";
}

/** What a handshake with a client brought to light. */
export interface TlsFacts {
  /** The name the client asked for (SNI), as it wrote it. */
  readonly serverName?: string;
  /** The protocol agreed on. */
  readonly alpn?: string;
  /** `TLSv1.2` or `TLSv1.3`. */
  readonly version?: string;
  /** Of a verified client certificate: `O=Acme, CN=alice`. */
  readonly clientSubject?: string;
  /** The common name in it: `alice`. */
  readonly clientName?: string;
}

/** A connection inside TLS. */
export interface Terminated {
  readonly conn: Conn;
  readonly facts: TlsFacts;
}

interface ServerContext {
  readonly names: readonly string[];
  readonly context: SecureContext;
}

export class TlsServer {
  readonly #pending: PendingHandshakes;
  #options: TlsServerOptions;
  #contexts: ServerNames<ServerContext>;

  /** @throws {TypeError} when clients' certificates are asked for and no authority is given. */
  constructor(options: TlsServerOptions, pending: PendingHandshakes) {
    this.#pending = pending;
    this.#options = options;
    this.#contexts = contextsOf(options);
  }

  /** Handshakes from now on go by these options; those under way, and open connections, stay as they are. */
  update(options: TlsServerOptions): void {
    this.#contexts = contextsOf(options);
    this.#options = options;
  }

  /**
   * Shakes hands with the client on `conn`, and takes the connection over: it is closed when that fails.
   *
   * @param signal Its reason is thrown when it aborts before the handshake is done.
   * @throws {ProxyError} of side `client`; see {@linkcode tlsErrorOf}.
   */
  async terminate(conn: Conn, signal: AbortSignal): Promise<Terminated> {
    const handshake = new ServerHandshake(conn, this.#options, this.#contexts);
    using _pending = this.#pending.enter((reason) => handshake.end(reason));
    const onAbort = () => handshake.end(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      if (signal.aborted) onAbort();
      return await handshake.done;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }
}

/** Everything that rustls goes by is in the context chosen by name: authorities and versions of the server's own are not looked at. */
function contextsOf(options: TlsServerOptions): ServerNames<ServerContext> {
  const { certificates, clientAuthorities, clientAuth, minVersion } = options;
  if (clientAuth !== "none" && clientAuthorities.length === 0) {
    throw new TypeError("Cannot verify client certificates: no authority is given");
  }
  return new ServerNames(certificates.map(({ cert, key, names }) => ({
    names,
    context: createSecureContext({
      cert,
      key,
      minVersion: `TLSv${minVersion}`,
      ...clientAuth === "none" ? {} : { ca: [...clientAuthorities] },
    }),
  })));
}

/**
 * One handshake, with a node:tls server of its own that never listens: a bare TLSSocket does not verify clients,
 * and of a server for all nobody could tell whose handshake an event is about. It costs 8 µs.
 */
class ServerHandshake {
  readonly #conn: Conn;
  readonly #duplex: ConnDuplex;
  readonly #options: TlsServerOptions;
  readonly #outcome = Promise.withResolvers<Terminated>();
  #isDone = false;

  constructor(conn: Conn, options: TlsServerOptions, contexts: ServerNames<ServerContext>) {
    this.#conn = conn;
    this.#options = options;
    this.#duplex = new ConnDuplex(conn);
    this.#duplex.on("error", (error) => this.end(error));
    const onEnd = () => this.end(new Deno.errors.UnexpectedEof("unexpected end of file"));
    this.#duplex.on("close", onEnd);
    // node:tls waits on. A FIN right behind the last handshake message must not overtake it.
    this.#duplex.on("end", () => void setImmediate(onEnd));
    const server = createServer({
      SNICallback: (name, callback) => callback(null, contexts.choose(name).context),
      requestCert: options.clientAuth !== "none",
      // Not left to node:tls, which would close before anyone could see what is wrong with the certificate.
      rejectUnauthorized: false,
      allowHalfOpen: true,
      ...options.alpn.length === 0 ? {} : { ALPNProtocols: [...options.alpn] },
    });
    server.on("secureConnection", (socket) => this.#onSecure(socket));
    server.on("tlsClientError", (error, socket) => {
      socket.destroy();
      this.end(error);
    });
    server.emit("connection", this.#duplex);
  }

  /** Rejects with a {@linkcode ProxyError}, or with what {@linkcode end} was called with. */
  get done(): Promise<Terminated> {
    return this.#outcome.promise;
  }

  /** Without effect once the handshake is done. */
  end(cause: unknown): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#outcome.reject(cause instanceof Error ? tlsErrorOf(cause, "client") : cause);
    this.#duplex.destroy();
  }

  #onSecure(socket: TLSSocket): void {
    if (this.#isDone) return;
    const conn = new TlsConn({ inner: this.#conn, duplex: this.#duplex, socket, side: "client" });
    const certificate = socket.getPeerX509Certificate();
    const { clientAuth, clientAuthorities } = this.#options;
    if (clientAuth === "require" && certificate === undefined) {
      return this.end(
        new ProxyError("tls_certificate_rejected", "client", { detail: "The client sent no certificate" }),
      );
    }
    const isVerified = clientAuth !== "none" && certificate !== undefined;
    if (isVerified && !socket.authorized) {
      return this.end(certificateRejected("client", faultOf(certificate, clientAuthorities, "client")));
    }
    this.#isDone = true;
    this.#outcome.resolve({ conn, facts: factsOf(socket, isVerified ? certificate.subject : undefined) });
  }
}

function factsOf(socket: TLSSocket, subject: string | undefined): TlsFacts {
  // Node.js says false, null or "" for what there is not.
  const { servername, alpnProtocol } = socket as { servername?: unknown; alpnProtocol?: unknown };
  const version = socket.getProtocol();
  return {
    ...typeof servername === "string" && servername !== "" ? { serverName: servername } : {},
    ...typeof alpnProtocol === "string" && alpnProtocol !== "" ? { alpn: alpnProtocol } : {},
    ...version === null ? {} : { version },
    ...subject === undefined ? {} : namesOf(subject),
  };
}

/** Node.js puts each part of a subject on a line of its own. */
function namesOf(subject: string): Pick<TlsFacts, "clientSubject" | "clientName"> {
  const clientName = /^CN=(.+)$/m.exec(subject)?.[1];
  return {
    clientSubject: subject.split("\n").join(", "),
    ...clientName === undefined ? {} : { clientName },
  };
}
