/** TLS with clients on node:tls: over any {@linkcode Conn}, with several certificates and clients' certificates. */

import type { Server, TLSSocket } from "node:tls";
import { isDeepStrictEqual } from "node:util";
import type { Conn } from "./conn.ts";
import { ProxyError } from "./errors.ts";
import { ReadAheadConn } from "./read_ahead_conn.ts";
import { TlsConn } from "./tls_conn.ts";
import type { TlsIdentity } from "./tls_credentials.ts";
import { ConnDuplex } from "./tls_duplex.ts";
import { certificateRejected, faultOf, tlsErrorOf } from "./tls_errors.ts";
import type { PendingHandshakes } from "./tls_pending.ts";
import { type CertificateServers, Served } from "./tls_served.ts";

/** The longest ClientHello whose name is looked at, in bytes: what node:tls takes at most. */
const MAX_HELLO = 64 * 1024;

/** `require`: a client needs a certificate; `request`: it may have none, but not a bad one; `none`: not asked for. */
export type ClientAuth = "require" | "request" | "none";

export interface TlsServerOptions {
  /** At least one. Chosen by the name a client asks for; the first is for those that ask for none or another. */
  readonly certificates: readonly TlsIdentity[];
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

export class TlsServer {
  readonly #pending: PendingHandshakes;
  #served: Served;

  /** @throws {TypeError} when clients' certificates are asked for and no authority is given. */
  constructor(options: TlsServerOptions, pending: PendingHandshakes) {
    this.#pending = pending;
    this.#served = new Served(options);
  }

  /**
   * Handshakes from now on go by these options; those under way, and open connections, stay as they are. The same ones
   * again, as most reloads bring, change nothing: what V8 does not see of node:tls servers is more than what it does.
   */
  update(options: TlsServerOptions): void {
    if (isDeepStrictEqual(options, this.#served.options)) return;
    this.#served = new Served(options);
  }

  /**
   * Shakes hands with the client on `conn`, and takes the connection over: it is closed when that fails.
   *
   * @param signal Its reason is thrown when it aborts before the handshake is done.
   * @throws {ProxyError} of side `client`; see {@linkcode tlsErrorOf}.
   */
  async terminate(conn: Conn, signal: AbortSignal): Promise<Terminated> {
    const served = this.#served;
    const ending = new AbortController();
    using _pending = this.#pending.enter((reason) => ending.abort(reason));
    const onAbort = () => ending.abort(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      if (signal.aborted) onAbort();
      if (!served.goesByName) return await shakeHands(conn, served, served.servers, ending.signal);
      const begun = new ReadAheadConn(conn, MAX_HELLO);
      return await shakeHands(begun, served, await served.serversFor(begun, ending.signal), ending.signal);
    } catch (cause) {
      conn.close();
      throw cause;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }
}

function shakeHands(
  conn: Conn,
  { options }: Served,
  servers: CertificateServers,
  signal: AbortSignal,
): Promise<Terminated> {
  const handshake = new ServerHandshake(conn, options, servers);
  const onAbort = () => handshake.end(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  return handshake.done;
}

class ServerHandshake {
  readonly #conn: Conn;
  readonly #duplex: ConnDuplex;
  readonly #options: TlsServerOptions;
  readonly #servers: CertificateServers;
  readonly #server: Server;
  readonly #outcome = Promise.withResolvers<Terminated>();
  #isDone = false;

  constructor(conn: Conn, options: TlsServerOptions, servers: CertificateServers) {
    this.#conn = conn;
    this.#options = options;
    this.#servers = servers;
    this.#duplex = new ConnDuplex(conn);
    this.#duplex.whenOver((cause) => this.end(cause));
    this.#server = servers.take();
    this.#server.on("secureConnection", (socket) => this.#onSecure(socket));
    this.#server.on("tlsClientError", (error, socket) => {
      socket.destroy();
      this.#servers.giveBack(this.#server);
      this.end(error);
    });
    this.#server.emit("connection", this.#duplex);
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
    this.#servers.giveBack(this.#server);
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
