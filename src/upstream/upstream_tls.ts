/** TLS with the upstreams of one service. */

import type { UpstreamTlsConfig } from "../config/config.ts";
import { type Address, hostOf } from "../net/address.ts";
import type { Conn } from "../net/conn.ts";
import { TlsClient } from "../net/tls_client.ts";
import { type Credentials, loadAuthorities, loadCredentials } from "../net/tls_credentials.ts";

/** What is made of the files. */
interface Material {
  readonly client: TlsClient;
  readonly credentials: Credentials | undefined;
}

export class UpstreamTls {
  readonly #config: UpstreamTlsConfig;
  #material: Material;

  private constructor(config: UpstreamTlsConfig, material: Material) {
    this.#config = config;
    this.#material = material;
  }

  /** @throws {CredentialsError} of the first file that cannot be used. */
  static async load(config: UpstreamTlsConfig): Promise<UpstreamTls> {
    return new UpstreamTls(config, await read(config));
  }

  /** The files it is made of. */
  static pathsOf({ ca, certificate }: UpstreamTlsConfig): string[] {
    return [ca, certificate?.cert, certificate?.key].filter((path) => path !== undefined);
  }

  /** What upstreams that ask for a certificate are shown. */
  get certificates(): readonly Credentials[] {
    const { credentials } = this.#material;
    return credentials === undefined ? [] : [credentials];
  }

  /**
   * Reads the files again, for handshakes from now on; open connections stay.
   *
   * @throws {CredentialsError} when one cannot be used; everything stays as it was.
   */
  async reload(): Promise<void> {
    this.#material = await read(this.#config);
  }

  /**
   * Shakes hands with the endpoint at `address`, whose host its certificate must be for unless `server_name` is set.
   * Takes the connection over: it is closed when that fails.
   *
   * @throws {ProxyError} or the reason of `signal`.
   */
  startTls(conn: Conn, address: Address, signal: AbortSignal): Promise<Conn> {
    return this.#material.client.startTls(conn, this.#config.serverName ?? hostOf(address), signal);
  }
}

async function read({ ca, certificate, verify, alpn }: UpstreamTlsConfig): Promise<Material> {
  const authorities = ca === undefined ? undefined : await loadAuthorities(ca);
  const credentials = certificate === undefined ? undefined : await loadCredentials(certificate);
  return { client: new TlsClient({ authorities, credentials, verify, alpn }), credentials };
}
