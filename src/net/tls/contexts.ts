/** The settings of handshakes with clients: a certificate for each name, and node:tls servers with it. */

import { createServer, type Server, type TlsOptions } from "node:tls";
import { peekClientHello } from "../socket/first_bytes.ts";
import type { ReadAheadConn } from "../socket/read_ahead_conn.ts";
import { ChainVerifier } from "./chain.ts";
import type { TlsServerOptions } from "./server.ts";

/** Servers of one certificate that are kept: as many as handshakes are often under way at the same time. */
const MAX_IDLE = 256;
/** For `handshakeTimeout`, where 0 means the default, 120 s. */
const NO_TIMEOUT = -1;

/** Replaced when the options change: handshakes in progress keep theirs. */
export class TlsContexts {
  readonly options: TlsServerOptions;
  /** Whether the name a client asks for makes a difference. */
  readonly goesByName: boolean;
  /** Validates client certificates where node:tls does not. */
  readonly clients: ChainVerifier;
  readonly #servers: ServerNames<TlsServerPool>;

  /** @throws {TypeError} when clients' certificates are asked for and no authority is given. */
  constructor(options: TlsServerOptions) {
    const { certificates, clientAuthorities, clientAuth, alpn, minVersion } = options;
    if (clientAuth !== "none" && clientAuthorities.length === 0) {
      throw new TypeError("Cannot verify client certificates: no authority is given");
    }
    this.options = options;
    this.goesByName = certificates.length > 1;
    this.clients = new ChainVerifier(clientAuthorities, "client");
    this.#servers = new ServerNames(certificates.map(({ cert, key, names }) =>
      new TlsServerPool(names, {
        cert,
        key,
        minVersion: `TLSv${minVersion}`,
        requestCert: clientAuth !== "none",
        // Checked here: node:tls would close before the fault of the certificate could be read.
        rejectUnauthorized: false,
        // Longer ones would end after 120 s, and failed ones be kept for that long: Deno 2.9.6 lets their timer run on.
        handshakeTimeout: NO_TIMEOUT,
        ...clientAuth === "none" ? {} : { ca: [...clientAuthorities] },
        ...alpn.length === 0 ? {} : { ALPNProtocols: [...alpn] },
      })
    ));
  }

  /** The servers with the certificate for a client whose bytes are held; looks at its name where that matters. */
  async serversFor(conn: ReadAheadConn, signal: AbortSignal): Promise<TlsServerPool> {
    const hello = await peekClientHello(conn, signal);
    // node:tls finds and reports every other fault.
    return this.#servers.choose(typeof hello === "string" ? "" : hello.serverName ?? "");
  }

  /** Those for clients whose name makes no difference. */
  get servers(): TlsServerPool {
    return this.#servers.choose("");
  }
}

/**
 * Equal servers that never listen, one for each handshake in progress, because events of a common server would not
 * identify the handshake. They are reused: creating one takes 0.1 to 0.3 ms.
 *
 * One server with an SNICallback for each handshake would be simpler. But in Deno 2.9.6, a handshake that ends before the
 * callback is called is never freed: 30 KB for every port scan and TCP health check.
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

/** Something for certain DNS names; a leading `*.` matches exactly one label. */
export interface Named {
  /** In lower case. */
  readonly names: readonly string[];
}

/** Answers with the one that has the exact name, else the one with a wildcard for it, else the first. */
export class ServerNames<Item extends Named> {
  readonly #first: Item;
  readonly #byName = new Map<string, Item>();

  /** @param items At least one; of several with the same name the first has it. */
  constructor(items: readonly Item[]) {
    const [first] = items;
    if (first === undefined) throw new TypeError("Cannot choose among no certificates");
    this.#first = first;
    for (const item of items) {
      for (const name of item.names) {
        if (!this.#byName.has(name)) this.#byName.set(name, item);
      }
    }
  }

  /** @param serverName As the client wrote it; `""` without SNI. */
  choose(serverName: string): Item {
    const name = serverName.toLowerCase();
    // RFC 6125 section 6.4.3: the wildcard is the whole of the left-most label, and matches one label.
    const wildcard = `*${name.slice(name.indexOf("."))}`;
    return this.#byName.get(name) ?? this.#byName.get(wildcard) ?? this.#first;
  }
}
