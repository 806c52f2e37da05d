/** TLS with the clients of one service: its certificates and handshakes. */

import type { TlsConfig } from "../config/config.ts";
import type { Conn } from "../net/socket/conn.ts";
import type { TlsIdentity } from "../net/tls/credentials.ts";
import { DenoTlsConn, type TlsListenOptions } from "../net/tls/listener.ts";
import { PendingHandshakes } from "../net/tls/pending.ts";
import { type Terminated, TlsServer, type TlsServerOptions } from "../net/tls/server.ts";

/** The most concurrent handshakes of a service; one more ends the oldest, which is most likely a silent client. */
const MAX_PENDING = 1024;

/** The content of the files. */
export interface TlsMaterial {
  /** At least one; the first is for clients without a name, or with another one. */
  readonly certificates: readonly TlsIdentity[];
  /** The authorities for certificates of clients, as PEM. */
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

  /** New handshakes use these options; open connections stay. */
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

/** The certificate of a listener that terminates TLS itself, which can have only one; undefined for other listeners. */
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
