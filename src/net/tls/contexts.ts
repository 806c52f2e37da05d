/** The settings of handshakes with clients: a certificate for each name, and node:tls servers with it. */

import { createServer, type Server, type TlsOptions } from "node:tls";
import { clientHelloIn, peek } from "../socket/first_bytes.ts";
import type { ReadAheadConn } from "../socket/read_ahead_conn.ts";
import { ProxyError } from "../errors.ts";
import { ACME_TLS, isAcmeCheck, tlsAnswerFor } from "./acme/answers.ts";
import { answerCheck } from "./acme/handshake.ts";
import { ChainVerifier } from "./chain.ts";
import type { TlsServerOptions } from "./server.ts";

/** How many idle servers of one certificate are kept: as many as there often are handshakes at the same time. */
const MAX_IDLE = 256;
/** For `handshakeTimeout`, where 0 means the default, 120 s. */
const NO_TIMEOUT = -1;

/** Replaced when the options change; handshakes in progress keep the old one. */
export class TlsContexts {
  readonly options: TlsServerOptions;
  /** Whether the name a client asks for makes a difference. */
  readonly goesByName: boolean;
  /** Validates client certificates where node:tls does not. */
  readonly clients: ChainVerifier;
  /** Undefined while there is no certificate. */
  readonly #servers: ((serverName: string) => TlsServerPool) | undefined;

  /** @throws {TypeError} when clients' certificates are asked for and no authority is given. */
  constructor(options: TlsServerOptions) {
    const { certificates, clientAuthorities, clientAuth, revocationLists, alpn, minVersion } = options;
    if (clientAuth !== "none" && clientAuthorities.length === 0) {
      throw new TypeError("Cannot verify client certificates: no authority is given");
    }
    this.options = options;
    this.goesByName = certificates.length !== 1 || options.acmeAnswers !== undefined;
    this.clients = new ChainVerifier(clientAuthorities, "client", revocationLists);
    if (certificates.length === 0) return;
    this.#servers = byServerName(certificates.map(({ cert, key, names }) =>
      new TlsServerPool(names, {
        cert,
        key,
        minVersion: `TLSv${minVersion}`,
        requestCert: clientAuth !== "none",
        // Checked here, because node:tls would close before the fault of the certificate could be read.
        rejectUnauthorized: false,
        // By default, a handshake ends after 120 s, and a failed one stays in memory for as long: Deno 2.9.6 does not
        // clear its timer.
        handshakeTimeout: NO_TIMEOUT,
        ...clientAuth === "none" ? {} : { ca: [...clientAuthorities] },
        ...alpn.length === 0 ? {} : { ALPNProtocols: [...alpn] },
      })
    ));
  }

  /**
   * The servers with the certificate for the client of `conn`, chosen by the name in its ClientHello.
   *
   * @throws {ProxyError} when there is no certificate for it yet; `acme_challenge` after a check that was answered.
   */
  async serversFor(conn: ReadAheadConn, signal: AbortSignal): Promise<TlsServerPool> {
    const hello = await peek(conn, { maxBytes: Infinity, signal }, clientHelloIn);
    const { acmeAnswers } = this.options;
    if (acmeAnswers !== undefined && typeof hello !== "string" && isAcmeCheck(hello)) {
      await answerCheck(conn, ACME_TLS, await tlsAnswerFor(hello.serverName, acmeAnswers));
      throw new ProxyError("acme_challenge", "proxy");
    }
    // node:tls finds and reports every other fault.
    const servers = this.#servers?.(typeof hello === "string" ? "" : hello.serverName ?? "");
    if (servers !== undefined) return servers;
    throw new ProxyError("tls_certificate_missing", "proxy", {
      detail: "The certificate is still being ordered, see the log",
    });
  }

  /** The servers for clients whose name makes no difference. */
  get servers(): TlsServerPool {
    return this.#servers!("");
  }
}

/**
 * Equal servers that never listen, one for each handshake in progress, because events of a common server would not
 * identify the handshake. They are reused: creating one takes 0.1 to 0.3 ms.
 *
 * One server with an SNICallback for each handshake would be simpler. But in Deno 2.9.6, a handshake that ends before
 * the callback is called is never freed: 30 KB for every port scan and TCP health check.
 */
export class TlsServerPool {
  readonly names: readonly string[];
  readonly #options: TlsOptions;
  readonly #idle: Server[] = [];

  constructor(names: readonly string[], options: TlsOptions) {
    this.names = names;
    this.#options = options;
  }

  take(): Server {
    return this.#idle.pop() ?? createServer(this.#options);
  }

  /** Returns a server to the pool after its handshake has ended. */
  release(server: Server): void {
    server.removeAllListeners("secureConnection").removeAllListeners("tlsClientError");
    if (this.#idle.length < MAX_IDLE) this.#idle.push(server);
  }
}

/**
 * Chooses the item that has the exact name, else the one with a wildcard for it, else the first. Of several items with
 * the same name, the first has it.
 *
 * @param items At least one. Their names are DNS names in lower case; a leading `*.` matches exactly one label.
 * @returns takes a name as the client wrote it; `""` without SNI.
 */
export function byServerName<Item extends { readonly names: readonly string[] }>(
  items: readonly Item[],
): (serverName: string) => Item {
  const byName = new Map(
    items.toReversed().flatMap((item) => item.names.map((name) => [name, item] as const)),
  );
  return (serverName) => {
    const name = serverName.toLowerCase();
    // RFC 6125 section 6.4.3: the wildcard is the whole of the left-most label, and matches one label.
    const wildcard = `*${name.slice(name.indexOf("."))}`;
    return byName.get(name) ?? byName.get(wildcard) ?? items[0]!;
  };
}
