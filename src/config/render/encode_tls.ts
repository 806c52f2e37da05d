/** Writes TLS settings as a file has them. */

import type { TlsConfig, UpstreamTlsConfig } from "../config.ts";
import { formatDuration } from "../values/duration.ts";
import { type Complete, type ServiceInput, unlessEmpty } from "./encode_document.ts";

type TlsInput = NonNullable<ServiceInput["tls"]>;
type UpstreamTlsInput = NonNullable<ServiceInput["upstream_tls"]>;

/** TLS with clients; one certificate is a list as well. */
export function encodeTls(tls: TlsConfig): Omit<Complete<TlsInput>, "cert" | "key"> {
  return {
    certificates: tls.certificates.map(({ cert, key }) => ({ cert, key })),
    client_ca: tls.clientCa,
    client_auth: tls.clientAuth,
    alpn: unlessEmpty(tls.alpn),
    min_version: tls.minVersion,
    seamless: tls.seamless,
    handshake_timeout: formatDuration(tls.handshakeTimeout),
  };
}

/** TLS with upstreams. */
export function encodeUpstreamTls(tls: UpstreamTlsConfig): Complete<UpstreamTlsInput> {
  return {
    ca: tls.ca,
    cert: tls.certificate?.cert,
    key: tls.certificate?.key,
    server_name: tls.serverName,
    verify: tls.verify,
    alpn: unlessEmpty(tls.alpn),
  };
}
