/** The shape of TLS with clients and with upstreams. */

import { z } from "zod";
import { isIpAddress } from "../values/address_text.ts";
import { scalar, textOrNumber, Unexpected } from "../values/scalar.ts";
import { HOST_NAME_PATTERN, parseHostName } from "../values/server_name.ts";
import { offeredProtocols } from "./client_hello_fields.ts";
import { choice, duration, flag } from "./fields.ts";
import { filePath, type PathResolver } from "../values/file_path.ts";
import { list, section } from "./section.ts";

const VERSIONS = ["1.2", "1.3"] as const;

const certificateFile = filePath("certs/db.pem");
const keyFile = filePath("certs/db.key");

const certificate = section("a mapping with cert and key", {
  cert: certificateFile.describe("A PEM file: the certificate, then those of its issuers."),
  key: keyFile.describe("A PEM file: the private key of the certificate."),
}).describe("A certificate and its key.");

export const tls = section('a mapping such as "cert: db.pem" and "key: db.key"', {
  certificates: list(certificate, "certificates", "certificate").optional()
    .describe(
      "Certificates with their keys. The name that a client asks for decides; the first serves all other clients.",
    ),
  cert: certificateFile.optional().describe(
    "In place of certificates, for one certificate: a PEM file with the certificate, then those of its issuers.",
  ),
  key: keyFile.optional().describe("A PEM file with its private key."),
  client_ca: filePath("certs/ca.pem").optional().describe(
    "A PEM file with the authorities that issue certificates of clients.",
  ),
  client_auth: choice("require", "request", "none").optional().describe(
    "Certificates of clients: required (require), optional but valid (request), or not asked for (none). " +
      "Left out, require with client_ca, else none.",
  ),
  alpn: offeredProtocols().prefault([]).describe(
    "Protocols offered to clients (ALPN), the preferred ones first. Clients that offer only others are refused. " +
      "Left out, none are offered.",
  ),
  min_version: tlsVersion().prefault("1.2").describe("The oldest version of TLS that clients may speak."),
  engine: choice("node", "deno").prefault("node").describe(
    "Which TLS implementation serves clients. node (node:tls): new certificates lose no handshake, and silent clients " +
      "are closed. deno (Deno.listenTls): cheaper handshakes, for one certificate and nothing else of the above but alpn.",
  ),
  seamless: flag().optional().describe(
    "The former name of engine: true is node, false is deno. This release is the last that reads it.",
  ).meta({ deprecated: true }),
  handshake_timeout: duration(1).prefault("10s").describe("How long the handshake with a client may take."),
}).meta({ anyOf: [{ required: ["certificates"] }, { required: ["cert", "key"] }] });

export const upstreamTls = section('a mapping such as "ca: ca.pem", or {}', {
  ca: filePath("certs/ca.pem").optional().describe(
    "A PEM file with the authorities that issue certificates of upstreams. Left out, those that Deno trusts.",
  ),
  cert: certificateFile.optional().describe(
    "A PEM file with a certificate, for upstreams that ask for one.",
  ),
  key: keyFile.optional().describe("A PEM file with its private key."),
  server_name: certificateName().optional().describe(
    "The name or IP address that upstreams' certificates must be for; a name is also sent (SNI). Left out, the " +
      "host of the endpoint.",
  ),
  verify: flag().prefault(true).describe(
    "false accepts any certificate: anyone can pose as the upstream.",
  ),
  alpn: offeredProtocols().prefault([]).describe(
    "Protocols offered to upstreams (ALPN), the preferred ones first. Left out, none are offered.",
  ),
});

/** TLS with clients. There is at least one certificate. */
export interface TlsConfig
  extends Omit<z.output<typeof tls>, "cert" | "key" | "certificates" | "clientAuth" | "seamless"> {
  /** Which one a client gets depends on the name it asks for; the first is for all others. */
  readonly certificates: readonly CertificateConfig[];
  readonly clientAuth: "require" | "request" | "none";
}

/** TLS with upstreams. */
export interface UpstreamTlsConfig extends Omit<z.output<typeof upstreamTls>, "cert" | "key"> {
  /** For upstreams that ask for one. */
  readonly certificate: CertificateConfig | undefined;
}

/** PEM files: a certificate with its issuers behind it, and its key. */
export type CertificateConfig = z.output<typeof certificate>;

/** The settings of a service for TLS with clients, in full. There is a certificate, written in either way. */
export function completeTls(entry: z.output<typeof tls>, pathOf: PathResolver): TlsConfig {
  const {
    cert,
    key,
    certificates = [{ cert: cert!, key: key! }],
    clientCa,
    clientAuth,
    seamless,
    ...settings
  } = entry;
  return {
    ...settings,
    engine: seamless === false ? "deno" : settings.engine,
    certificates: certificates.map((files) => ({ cert: pathOf(files.cert), key: pathOf(files.key) })),
    clientCa: clientCa && pathOf(clientCa),
    clientAuth: clientAuth ?? (clientCa === undefined ? "none" : "require"),
  };
}

/** The settings of a service for TLS with upstreams, in full. */
export function completeUpstreamTls(
  { cert, key, ...settings }: z.output<typeof upstreamTls>,
  pathOf: PathResolver,
): UpstreamTlsConfig {
  return {
    ...settings,
    ca: settings.ca && pathOf(settings.ca),
    certificate: cert && key ? { cert: pathOf(cert), key: pathOf(key) } : undefined,
  };
}

/** A version of TLS. Unquoted, it is a number, which here loses no digits. */
function tlsVersion() {
  return scalar<(typeof VERSIONS)[number] | 1.2 | 1.3, (typeof VERSIONS)[number]>({
    expected: '"1.2" or "1.3"',
    parse: (value) => {
      const version = VERSIONS.find((each) => each === String(textOrNumber(value)));
      if (version !== undefined) return version;
      throw new Unexpected(undefined, { meant: VERSIONS.find((each) => String(value).endsWith(each)) });
    },
    json: [{ enum: [...VERSIONS, ...VERSIONS.map(Number)] }],
  });
}

/** A subject that certificates name: a host name or an IP address. */
function certificateName() {
  return scalar<string, string>({
    expected: 'a name such as "db.internal", or an IP address',
    parse: (value) => {
      if (typeof value !== "string") throw new Unexpected();
      const address = value.replace(/^\[(.*)\]$/, "$1");
      return isIpAddress(address) ? address : parseHostName(value);
    },
    json: [{ type: "string", pattern: HOST_NAME_PATTERN }, {
      type: "string",
      pattern: "^\\[?[0-9a-fA-F:.]+\\]?$",
    }],
  });
}
