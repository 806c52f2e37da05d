/** How the health checks of a group begin, with what it takes. */

import { isDeepStrictEqual } from "node:util";
import type { UpstreamTlsConfig } from "../config/config.ts";
import { ownProxyHeader } from "../net/proxy_header.ts";
import { UpstreamTls, type UpstreamTlsMaterial } from "./upstream_tls.ts";

export interface CheckLegOptions {
  /** The PROXY header that a check begins with; undefined is none. */
  readonly proxyProtocol?: "v1" | "v2" | undefined;
  /** TLS, which comes after it, and the service whose it is; undefined is none. */
  readonly tls?: {
    readonly service: string;
    readonly config: UpstreamTlsConfig;
    readonly material: UpstreamTlsMaterial;
  } | undefined;
}

export class CheckLeg {
  /** That of a connection of the proxy itself. */
  readonly header: Uint8Array | undefined;
  readonly tls: UpstreamTls | undefined;
  readonly #options: CheckLegOptions;

  constructor(options: CheckLegOptions = {}) {
    const { proxyProtocol, tls } = options;
    this.#options = options;
    this.header = proxyProtocol && ownProxyHeader(proxyProtocol);
    this.tls = tls && new UpstreamTls(tls.config, tls.material);
  }

  /** The service whose TLS it is. */
  get service(): string | undefined {
    return this.#options.tls?.service;
  }

  /** This one, when it says the same as another; it then has the other's certificates. */
  updatedTo(options: CheckLegOptions): CheckLeg {
    if (!isDeepStrictEqual(saidBy(this.#options), saidBy(options))) return new CheckLeg(options);
    if (options.tls !== undefined) this.tls!.update(options.tls.material);
    return this;
  }
}

function saidBy({ proxyProtocol, tls }: CheckLegOptions): unknown {
  return { proxyProtocol, service: tls?.service, tls: tls?.config };
}
