/** TLS with the upstreams of one service. */

import { isDeepStrictEqual } from "node:util";
import type { UpstreamTlsConfig } from "../config/config.ts";
import { type Address, hostOf } from "../net/address.ts";
import type { Conn } from "../net/socket/conn.ts";
import { TlsClient } from "../net/tls/client.ts";
import type { TlsIdentity } from "../net/tls/credentials.ts";
import { requestTls } from "../net/tls/starttls.ts";

/** The content of the files. */
export interface UpstreamTlsMaterial {
  /** The authorities for certificates of upstreams, as PEM; undefined trusts those of Deno. */
  readonly authorities: readonly string[] | undefined;
  /** The certificate for upstreams that request one. */
  readonly credentials: TlsIdentity | undefined;
}

export class UpstreamTls {
  readonly #config: UpstreamTlsConfig;
  #material: UpstreamTlsMaterial;
  #client: TlsClient;

  constructor(config: UpstreamTlsConfig, material: UpstreamTlsMaterial) {
    this.#config = config;
    this.#material = material;
    this.#client = clientOf(config, material);
  }

  /** New handshakes use these options; open connections stay. Returns false when nothing changed. */
  update(material: UpstreamTlsMaterial): boolean {
    if (isDeepStrictEqual(material, this.#material)) return false;
    this.#material = material;
    this.#client = clientOf(this.#config, material);
    return true;
  }

  /**
   * Shakes hands with the endpoint at `address`, whose host its certificate must be for unless `server_name` is set;
   * with `starttls`, asks for that first. Owns the connection: closes it on failure.
   *
   * @throws {ProxyError} or the reason of `signal`.
   */
  startTls(conn: Conn, address: Address, signal: AbortSignal): Promise<Conn> {
    const { starttls, serverName = hostOf(address) } = this.#config;
    const shake = (begun: Conn) => this.#client.startTls(begun, serverName, signal);
    return starttls === undefined ? shake(conn) : requestTls(conn, starttls, shake, signal);
  }
}

function clientOf({ verify, alpn }: UpstreamTlsConfig, material: UpstreamTlsMaterial): TlsClient {
  return new TlsClient({ ...material, verify, alpn });
}
