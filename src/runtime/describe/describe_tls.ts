/** TLS of a service, either way, in words. */

import type { TlsConfig, UpstreamTlsConfig } from "../../config/config.ts";
import { formatDuration } from "../../config/values/duration.ts";
import { firstOf } from "./describe_lines.ts";

/** With clients. Which API does it stands with the addresses. */
export function describeTls(tls: TlsConfig): string[] {
  const { certificates, clientCa, clientAuth, alpn, minVersion, handshakeTimeout } = tls;
  return [
    ...firstOf(certificates.map(({ cert }) => cert)),
    ...clientCa === undefined ? [] : [`client_ca ${clientCa}`, `client_auth ${clientAuth}`],
    ...describeProtocols(alpn),
    `min_version ${minVersion}`,
    `handshake_timeout ${formatDuration(handshakeTimeout)}`,
  ];
}

/** With upstreams. */
export function describeUpstreamTls(tls: UpstreamTlsConfig): string[] {
  const { ca, certificate, serverName, verify, alpn } = tls;
  const trust = ca === undefined ? "ca of Deno" : `ca ${ca}`;
  return [
    verify ? trust : "verify false (any certificate is accepted)",
    ...certificate === undefined ? [] : [`cert ${certificate.cert}`],
    ...serverName === undefined ? [] : [`server_name ${serverName}`],
    ...describeProtocols(alpn),
  ];
}

function describeProtocols(alpn: readonly string[]): string[] {
  return alpn.length === 0 ? [] : [`alpn ${alpn.join(", ")}`];
}
