/** The shape of ACME: certificates that sluice orders itself. */

import type * as z from "zod";
import { acmeCertificateFile } from "../values/acme_files.ts";
import { filePath, type PathResolver } from "../values/file_path.ts";
import { scalar, scalars, textOf, Unexpected } from "../values/scalar.ts";
import { HOST_NAME_PATTERN, parseHostName } from "../values/server_name.ts";
import { isIpAddress } from "../values/address_text.ts";
import { adminListen } from "./address_fields.ts";
import { flag, matching } from "./fields.ts";
import { section } from "./section.ts";

export const LETS_ENCRYPT = "https://acme-v02.api.letsencrypt.org/directory";

const URL_PATTERN = "^https://[!-~]+$";
const EMAIL_PATTERN = "^[^\\s@:]+@[^\\s@:]+$";
/** base64url. */
const HMAC_PATTERN = "^[A-Za-z0-9_-]{16,1024}={0,2}$";

export const acme = section('a mapping such as "names: [example.com]"', {
  names: acmeNames().describe(
    "The DNS names of the certificate, one or a list. The first one names its file, so keep it first.",
  ),
  agree_to_terms: flag().describe(
    "Must be true: you agree to the terms of service of the directory, which its operator publishes.",
  ),
  storage: filePath("/var/lib/sluice/acme").describe(
    "The folder for account key, certificates and keys. Several proxies may share one: then one of them orders, for all.",
  ),
  directory: directoryUrl().prefault(LETS_ENCRYPT).describe(
    "The URL of the ACME server. Left out, Let's Encrypt; to try it out, " +
      "https://acme-staging-v02.api.letsencrypt.org/directory.",
  ),
  email: matching(EMAIL_PATTERN, 'an address such as "ops@example.com"', {
    propose: (text) => text.replace(/^mailto:/, ""),
  }).optional().describe(
    "The address that the server may write to. Left out, none.",
  ),
  http: adminListen().optional().describe(
    "Where to answer checks over HTTP (http-01), which come to port 80 of the names: 0.0.0.0:80. Left out, they are " +
      "answered over TLS (tls-alpn-01) where the service listens, to which port 443 of the names must lead.",
  ),
  ca: filePath("certs/acme-ca.pem").optional().describe(
    "A PEM file with the authorities that the server itself is verified with. Left out, those that Deno trusts.",
  ),
  profile: matching("^[!-~]{1,64}$", 'the name of a profile such as "shortlived"').optional().describe(
    "The kind of certificate, of those that the server offers, such as shortlived. Left out, the server's default.",
  ),
  external_account: section("a mapping with key_id and hmac_key", {
    key_id: scalar<string, string>({
      expected: "the ID that the server's operator has given",
      parse: (value) => {
        if (textOf(value) !== "") return textOf(value);
        throw new Unexpected();
      },
      json: [{ type: "string", minLength: 1 }],
    }).describe("The ID of the account."),
    hmac_key: matching(HMAC_PATTERN, "a key in base64url, of at least 16 characters", { isSecret: true })
      .describe("The key for it, as base64url."),
  }).optional().describe(
    "An account at the server's operator, where the server asks for one. Left out, none.",
  ),
});

/** The names of a certificate: at least one, none twice. */
function acmeNames() {
  return scalars<string, string>({
    expected: 'a name such as "example.com"',
    each: "name",
    parse: (value) => {
      const name = textOf(value);
      if (name.includes("*")) {
        throw new SyntaxError(
          `Cannot order a certificate for "${name}": a wildcard needs a change in DNS (dns-01), which sluice cannot ` +
            "make; list the names, or use cert and key",
        );
      }
      if (isIpAddress(name.replace(/^\[(.*)\]$/, "$1"))) {
        throw new SyntaxError(`Cannot order a certificate for "${name}": only DNS names are supported`);
      }
      return [parseHostName(name)];
    },
    json: [{ type: "string", pattern: HOST_NAME_PATTERN }],
  });
}

function directoryUrl() {
  return scalar<string, string>({
    expected: `a URL such as "${LETS_ENCRYPT}"`,
    parse: (value) => {
      const text = textOf(value);
      if (!new RegExp(URL_PATTERN).test(text) || !URL.canParse(text)) throw new Unexpected();
      const { username, password } = new URL(text);
      if (username !== "" || password !== "") throw new Unexpected();
      return text;
    },
    json: [{ type: "string", pattern: URL_PATTERN }],
  });
}

/** Certificates that sluice orders itself. Paths are absolute. */
export type AcmeConfig = z.output<typeof acme>;

/** @returns with the file of the certificate that will be ordered. */
export function completeAcme(
  entry: z.output<typeof acme>,
  pathOf: PathResolver,
): { readonly acme: AcmeConfig; readonly file: string } {
  const names = [...new Set(entry.names)];
  const config = { ...entry, names, storage: pathOf(entry.storage), ca: entry.ca && pathOf(entry.ca) };
  return { acme: config, file: acmeCertificateFile(config) };
}
