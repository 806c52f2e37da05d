/** The shape of TLS with clients and with upstreams. */

import * as z from "zod";
import { STARTTLS_PROTOCOLS, startTlsOf, type StartTlsProtocol } from "../../wire/starttls/registry.ts";
import { isIpAddress } from "../values/address_text.ts";
import { scalar, textOf, textOrNumber, Unexpected } from "../values/scalar.ts";
import { HOST_NAME_PATTERN, parseHostName } from "../values/server_name.ts";
import { acme, type AcmeConfig, completeAcme } from "./acme_schema.ts";
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

/** What TLS with clients takes, on the service and on a route. */
const terminating = {
  certificates: list(certificate, "certificates", "certificate").optional()
    .describe(
      "Certificates with their keys. The name that a client asks for decides; the first serves all other clients.",
    ),
  cert: certificateFile.optional().describe(
    "In place of certificates, for one certificate: a PEM file with the certificate, then those of its issuers.",
  ),
  key: keyFile.optional().describe("A PEM file with its private key."),
  acme: acme.optional().describe(
    "In place of certificates, to order one from Let's Encrypt or another ACME server, and renew it.",
  ),
  client_ca: filePath("certs/ca.pem").optional().describe(
    "A PEM file with the authorities that issue certificates of clients.",
  ),
  crl: filePath("certs/ca.crl").optional().describe(
    "A file with the revocation lists of these authorities, PEM or DER. Certificates that they revoke are refused, and " +
      "all where a list is missing or has expired.",
  ),
  client_auth: choice("require", "request", "none").optional().describe(
    "Certificates of clients: required (require), optional but valid (request), or not asked for (none). " +
      "Left out, require with client_ca, else none.",
  ),
  alpn: offeredProtocols().prefault([]).describe(
    "Protocols offered to clients (ALPN), the preferred ones first. Clients that offer only others are refused. " +
      "Left out, none are offered; with starttls: postgres, postgresql.",
  ),
  starttls: choice(...STARTTLS_PROTOCOLS).optional().describe(
    "For clients that begin in plain text and ask for TLS inside this protocol. Left out, they begin with TLS.",
  ),
  required: flag().optional().describe(
    "With starttls: postgres, false lets in clients that do not ask for TLS. Left out, true.",
  ),
  min_version: tlsVersion().prefault("1.2").describe("The oldest version of TLS that clients may speak."),
  handshake_timeout: duration(1).prefault("10s").describe("How long the handshake with a client may take."),
};

const EITHER_CERTIFICATE = {
  anyOf: [{ required: ["certificates"] }, { required: ["cert", "key"] }, { required: ["acme"] }],
};
const EXPECTED_TLS = 'a mapping such as "cert: db.pem" and "key: db.key"';

export const tls = section(EXPECTED_TLS, {
  ...terminating,
  engine: choice("node", "deno").prefault("node").describe(
    "Which TLS implementation serves clients. node (node:tls): new certificates lose no handshake, and silent clients " +
      "are closed. deno (Deno.listenTls): cheaper handshakes, but of the keys above only one certificate and alpn.",
  ),
  seamless: flag().optional().describe(
    "The former name of engine: true is node, false is deno. This release is the last that reads it.",
  ).meta({ deprecated: true }),
}).meta(EITHER_CERTIFICATE);

export const settingsOfRoute = section(EXPECTED_TLS, terminating).meta({
  ...EITHER_CERTIFICATE,
  description: "TLS with the clients of a route, on node:tls.",
});

const none = scalar<false | "false", false>({
  expected: "false",
  parse: (value) => {
    if (value === false || value === "false") return false;
    throw new Unexpected();
  },
  format: (value) => {
    if (value === false) return value;
    throw new Unexpected();
  },
  json: [{ enum: [false, "false"] }],
});

/** TLS with the clients of a route, on node:tls; or none. */
export const routeTls = z.union([none, settingsOfRoute], { error: `${EXPECTED_TLS}, or false` });

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
    "false accepts any certificate: any server can pose as the upstream.",
  ),
  alpn: offeredProtocols().prefault([]).describe(
    "Protocols offered to upstreams (ALPN), the preferred ones first. Left out, none are offered; with " +
      "starttls: postgres, postgresql.",
  ),
  starttls: choice(...STARTTLS_PROTOCOLS).optional().describe(
    "For upstreams that begin in plain text and are asked for TLS inside this protocol. Left out, they begin with TLS.",
  ),
});

/** TLS with clients. There is at least one certificate. */
export interface TlsConfig
  extends Omit<z.output<typeof tls>, "cert" | "key" | "certificates" | "acme" | "clientAuth" | "seamless"> {
  /** Orders the one certificate; its file is in `certificates`, and may not exist yet. */
  readonly acme: AcmeConfig | undefined;
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

/** The settings of a service or route for TLS with clients, in full. There is a certificate, written in either way. */
export function completeTls(
  entry: z.output<typeof settingsOfRoute> & Partial<z.output<typeof tls>>,
  pathOf: PathResolver,
): TlsConfig {
  const {
    cert,
    key,
    acme,
    certificates = [{ cert: cert!, key: key! }],
    clientCa,
    crl,
    clientAuth,
    seamless,
    ...settings
  } = entry;
  const ordered = acme && completeAcme(acme, pathOf);
  return {
    ...settings,
    alpn: protocolsOf(settings),
    engine: seamless === false ? "deno" : settings.engine ?? "node",
    acme: ordered?.acme,
    certificates: ordered === undefined
      ? certificates.map((files) => ({ cert: pathOf(files.cert), key: pathOf(files.key) }))
      : [{ cert: ordered.file, key: ordered.file }],
    clientCa: clientCa && pathOf(clientCa),
    crl: crl && pathOf(crl),
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
    alpn: protocolsOf(settings),
    ca: settings.ca && pathOf(settings.ca),
    certificate: cert && key ? { cert: pathOf(cert), key: pathOf(key) } : undefined,
  };
}

function protocolsOf(
  { alpn, starttls }: { alpn: readonly string[]; starttls?: StartTlsProtocol | undefined },
) {
  const own = starttls && startTlsOf(starttls).alpn;
  return alpn.length > 0 || own === undefined ? alpn : [own];
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
      const address = textOf(value).replace(/^\[(.*)\]$/, "$1");
      return isIpAddress(address) ? address : parseHostName(textOf(value));
    },
    json: [
      { type: "string", pattern: HOST_NAME_PATTERN },
      { type: "string", pattern: "^\\[?[0-9a-fA-F:.]+\\]?$" },
    ],
  });
}
