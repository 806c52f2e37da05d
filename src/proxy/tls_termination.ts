/** TLS with the clients of one service: what it is served with, and where the handshake is done. */

import type { TlsConfig } from "../config/config.ts";
import type { Conn } from "../net/socket/conn.ts";
import type { TlsIdentity } from "../net/tls/credentials.ts";
import { DenoTlsConn, type TlsListenOptions } from "../net/tls/listener.ts";
import { PendingHandshakes } from "../net/tls/pending.ts";
import { type Terminated, TlsServer, type TlsServerOptions } from "../net/tls/server.ts";

/** Handshakes of a service under way at the same time; one more ends the oldest, which is most likely a silent client. */
const MAX_PENDING = 1024;

/** What was in the files. */
export interface TlsMaterial {
  /** At least one; the first is for clients that ask for no name, or another. */
  readonly certificates: readonly TlsIdentity[];
  /** As PEM: who issues certificates of clients. */
  readonly clientAuthorities: readonly string[];
}

export class TlsTermination {
  readonly #config: TlsConfig;
  readonly #pending = new PendingHandshakes(MAX_PENDING);
  readonly #server: TlsServer;

  constructor(config: TlsConfig, material: TlsMaterial) {
    this.#config = config;
    this.#server = new TlsServer(optionsOf(config, material), this.#pending);
  }

  /** Handshakes from now on are served with this; open connections stay. */
  update(material: TlsMaterial): void {
    this.#server.update(optionsOf(this.#config, material));
  }

  /** Shakes hands with a client; closes its connection when that fails. @throws {ProxyError} or the signal's reason. */
  terminate(client: Conn, signal: AbortSignal): Promise<Terminated> {
    return client instanceof DenoTlsConn
      ? client.handshake(this.#pending, signal)
      : this.#server.terminate(client, signal);
  }
}

/** What a listener is bound with that does TLS itself, which knows one certificate; undefined where any other will do. */
export function tlsListenOptions(
  config: TlsConfig | undefined,
  material: TlsMaterial | undefined,
): TlsListenOptions | undefined {
  if (config === undefined || material === undefined || config.engine === "node") return undefined;
  return { credentials: material.certificates[0]!, alpn: config.alpn };
}

function optionsOf({ clientAuth, alpn, minVersion }: TlsConfig, material: TlsMaterial): TlsServerOptions {
  return { ...material, clientAuth, alpn, minVersion };
}
