/** How the health checks of a group start their connections, and the credentials for that. */

import { isDeepStrictEqual } from "node:util";
import type { UpstreamTlsConfig } from "../../config/config.ts";
import { ownProxyHeader } from "../../net/socket/first_bytes.ts";
import { UpstreamTls, type UpstreamTlsMaterial } from "../upstream_tls.ts";

export interface CheckLegOptions {
  /** The PROXY header that a check sends first; undefined means none. */
  readonly proxyProtocol?: "v1" | "v2" | undefined;
  /** TLS after the header, and the service that it belongs to; undefined means none. */
  readonly tls?: {
    readonly service: string;
    readonly config: UpstreamTlsConfig;
    readonly material: UpstreamTlsMaterial;
  } | undefined;
}

export class CheckLeg {
  /** The header of a connection of the proxy itself. */
  readonly header: Uint8Array | undefined;
  readonly tls: UpstreamTls | undefined;
  readonly #options: CheckLegOptions;

  constructor(options: CheckLegOptions = {}) {
    const { proxyProtocol, tls } = options;
    this.#options = options;
    this.header = proxyProtocol && ownProxyHeader(proxyProtocol);
    this.tls = tls && new UpstreamTls(tls.config, tls.material);
  }

  /** The service that the TLS settings belong to. */
  get service(): string | undefined {
    return this.#options.tls?.service;
  }

  /** Returns this one with the new certificates if nothing else differs, else a new one. */
  updatedTo(options: CheckLegOptions): CheckLeg {
    if (!isDeepStrictEqual(settingsOf(this.#options), settingsOf(options))) return new CheckLeg(options);
    if (options.tls !== undefined) this.tls!.update(options.tls.material);
    return this;
  }
}

function settingsOf({ proxyProtocol, tls }: CheckLegOptions): unknown {
  return { proxyProtocol, service: tls?.service, tls: tls?.config };
}
