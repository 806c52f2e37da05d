/** The shape of TLS with clients and with upstreams. */

import { z } from "zod";
import { offeredProtocols } from "./client_hello_fields.ts";
import type { TlsConfig, UpstreamTlsConfig } from "../config.ts";
import { choice, duration, flag } from "./fields.ts";
import { filePath, type PathResolver } from "../values/file_path.ts";
import { certificateName, tlsVersion } from "./tls_fields.ts";
import { section } from "./section.ts";

const CERTIFICATE = "a mapping with cert and key";

const certificate = section(CERTIFICATE, {
  cert: filePath("certs/db.pem").describe("A PEM file: the certificate, then those of its issuers."),
  key: filePath("certs/db.key").describe("A PEM file: the private key of the certificate."),
});

export const tls = section('a mapping such as "cert: db.pem" and "key: db.key"', {
  certificates: z.array(certificate, { error: "a list of certificates" })
    .min(1, { error: "at least one certificate" }).optional()
    .describe(
      "Certificates with their keys. The name a client asks for decides; the first is for all others.",
    ),
  cert: certificate.shape.cert.optional().describe(
    "In place of certificates, where there is one: a PEM file with the certificate, then those of its issuers.",
  ),
  key: certificate.shape.key.optional().describe("A PEM file with its private key."),
  client_ca: filePath("certs/ca.pem").optional().describe(
    "A PEM file with the authorities that clients' certificates must come from.",
  ),
  client_auth: choice("require", "request", "none").optional().describe(
    "Whether a client needs a certificate: require; request, it may have none but not a bad one; or none. " +
      "Left out, require with client_ca, else none.",
  ),
  alpn: offeredProtocols().prefault([]).describe(
    "Protocols offered to clients (ALPN), the preferred ones first. Clients that offer only others are refused. " +
      "Left out, none are.",
  ),
  min_version: tlsVersion().prefault("1.2").describe("The oldest version of TLS that clients may speak."),
  seamless: flag().prefault(true).describe(
    "true: new certificates lose no handshake, and silent clients are disposed of. false: cheaper handshakes, for " +
      "one certificate and nothing else of the above but alpn (Deno.listenTls).",
  ),
  handshake_timeout: duration(1).prefault("10s").describe("How long the handshake with a client may take."),
}).meta({ anyOf: [{ required: ["certificates"] }, { required: ["cert", "key"] }] });

export const upstreamTls = section('a mapping such as "ca: ca.pem", or {}', {
  ca: filePath("certs/ca.pem").optional().describe(
    "A PEM file with the authorities that upstreams' certificates must come from. Left out, those Deno trusts.",
  ),
  cert: filePath("certs/db.pem").optional().describe(
    "A PEM file with a certificate, for upstreams that ask for one.",
  ),
  key: filePath("certs/db.key").optional().describe("A PEM file with its private key."),
  server_name: certificateName().optional().describe(
    "The name or IP address that upstreams' certificates must be for; a name is also sent (SNI). Left out, the " +
      "host of the endpoint.",
  ),
  verify: flag().prefault(true).describe(
    "false accepts whatever certificate: anyone can pose as the upstream.",
  ),
  alpn: offeredProtocols().prefault([]).describe(
    "Protocols offered to upstreams (ALPN), the preferred ones first. Left out, none are.",
  ),
});

/** The settings of a service for TLS with clients, in full. Either way to name certificates is there. */
export function completeTls(entry: z.output<typeof tls>, pathOf: PathResolver): TlsConfig {
  const { certificates = [{ cert: entry.cert!, key: entry.key! }], client_ca: clientCa } = entry;
  return {
    certificates: certificates.map(({ cert, key }) => ({ cert: pathOf(cert), key: pathOf(key) })),
    clientCa: clientCa && pathOf(clientCa),
    clientAuth: entry.client_auth ?? (clientCa === undefined ? "none" : "require"),
    alpn: entry.alpn,
    minVersion: entry.min_version,
    seamless: entry.seamless,
    handshakeTimeout: entry.handshake_timeout,
  };
}

/** The settings of a service for TLS with upstreams, in full. */
export function completeUpstreamTls(
  entry: z.output<typeof upstreamTls>,
  pathOf: PathResolver,
): UpstreamTlsConfig {
  const { ca, cert, key, verify, alpn } = entry;
  return {
    ca: ca && pathOf(ca),
    certificate: cert !== undefined && key !== undefined
      ? { cert: pathOf(cert), key: pathOf(key) }
      : undefined,
    serverName: entry.server_name,
    verify,
    alpn,
  };
}
