/** TLS with the clients of one service: what it is served with, and where the handshake is done. */

import type { TlsConfig } from "../config/config.ts";
import type { Address } from "../net/address.ts";
import type { Conn } from "../net/conn.ts";
import type { Listener } from "../net/listen.ts";
import { type Credentials, loadAuthorities, loadCredentials } from "../net/tls_credentials.ts";
import { DenoTlsConn, TlsListener } from "../net/tls_listener.ts";
import { PendingHandshakes } from "../net/tls_pending.ts";
import { type Terminated, TlsServer, type TlsServerOptions } from "../net/tls_server.ts";

/** Handshakes of a service under way at the same time; one more ends the oldest, which is most likely a silent client. */
const MAX_PENDING = 1024;

export class TlsTermination {
  readonly #config: TlsConfig;
  readonly #pending = new PendingHandshakes(MAX_PENDING);
  readonly #server: TlsServer;
  readonly #listeners = new Set<TlsListener>();
  #options: TlsServerOptions;

  private constructor(config: TlsConfig, options: TlsServerOptions) {
    this.#config = config;
    this.#options = options;
    this.#server = new TlsServer(options, this.#pending);
  }

  /** @throws {CredentialsError} of the first file that cannot be used. */
  static async load(config: TlsConfig): Promise<TlsTermination> {
    return new TlsTermination(config, await readOptions(config));
  }

  /** The files it is made of. */
  static pathsOf({ certificates, clientCa }: TlsConfig): string[] {
    const paths = certificates.flatMap(({ cert, key }) => [cert, key]);
    return clientCa === undefined ? paths : [...paths, clientCa];
  }

  /** What new handshakes are served with. */
  get certificates(): readonly Credentials[] {
    return this.#options.certificates;
  }

  /**
   * Reads the files again, for handshakes from now on; open connections stay.
   *
   * @throws {CredentialsError} when one cannot be used; everything stays as it was.
   */
  async reload(): Promise<void> {
    const options = await readOptions(this.#config);
    // A listener is not replaced without need: that can cost clients.
    if (options.certificates[0]!.cert !== this.#options.certificates[0]!.cert) {
      for (const listener of this.#listeners) listener.replace(listenOptions(options));
    }
    this.#server.update(options);
    this.#options = options;
  }

  /**
   * A listener that does TLS itself; undefined where any other will do.
   *
   * @throws {ListenError}
   */
  bind(address: Address): Listener | undefined {
    if (this.#config.seamless || address.transport === "unix") return undefined;
    const listener = TlsListener.bind(address, listenOptions(this.#options));
    this.#listeners.add(listener);
    return listener;
  }

  /** Shakes hands with a client; closes its connection when that fails. @throws {ProxyError} or the signal's reason. */
  terminate(client: Conn, signal: AbortSignal): Promise<Terminated> {
    return client instanceof DenoTlsConn
      ? client.handshake(this.#pending, signal)
      : this.#server.terminate(client, signal);
  }
}

async function readOptions(config: TlsConfig): Promise<TlsServerOptions> {
  const { certificates, clientCa, clientAuth, alpn, minVersion } = config;
  return {
    certificates: await Promise.all(certificates.map((files) => loadCredentials(files))),
    clientAuthorities: clientCa === undefined ? [] : await loadAuthorities(clientCa),
    clientAuth,
    alpn,
    minVersion,
  };
}

/** A listener knows one certificate. */
function listenOptions({ certificates, alpn }: TlsServerOptions) {
  return { credentials: certificates[0]!, alpn };
}
