/** Reads and checks a file with lists of revoked certificates. */

import { hash, X509Certificate } from "node:crypto";
import { MalformedError } from "../../wire/byte_reader.ts";
import { readAuthority, readCertificate, type TrustedAuthority } from "../../wire/certificate/certificate.ts";
import { DER, sameBytes } from "../../wire/certificate/der.ts";
import { DistinguishedName } from "../../wire/certificate/distinguished_name.ts";
import { readRevocationList, type RevocationList } from "../../wire/certificate/revocation_list.ts";
import { blocksOf, CredentialsError, readBytes } from "./pem.ts";
import { isSignedBy } from "./signature.ts";

export interface RevocationFile {
  readonly path: string;
  /** Of the content. */
  readonly digest: string;
  /** As DER: what a handshake takes. */
  readonly lists: readonly Uint8Array[];
  /** When the first of them expires, in milliseconds as of `Date.now()`; Infinity if none does. */
  readonly expiresAt: number;
  /** How many certificates they revoke. */
  readonly revoked: number;
  /** Faults that are no reason to refuse, for the log. */
  readonly warnings: readonly string[];
}

/**
 * Reads lists as PEM, or one as DER.
 *
 * @param authorities Those that issue the certificates, as PEM.
 * @param now The time at which the lists must be valid.
 * @throws {CredentialsError} when the file cannot be read or used, a list has expired, or one was not signed by the
 * authority that it names.
 */
export async function loadRevocationFile(
  path: string,
  authorities: readonly string[],
  now = Date.now(),
): Promise<RevocationFile> {
  const known = authorities.map((pem) => readAuthority(new X509Certificate(pem).raw));
  const bytes = await readBytes("crl", path);
  const raws = listsIn(path, bytes);
  const lists = raws.map((raw, index) => parse(path, raw, index));
  for (const list of lists) check(path, list, known, now);
  const without = known.filter(({ raw, subject }) =>
    isAuthority(raw) && !lists.some(({ issuer }) => sameBytes(issuer, subject))
  );
  return {
    path,
    digest: hash("sha256", bytes, "base64"),
    lists: raws,
    expiresAt: Math.min(...lists.map(({ expiresAt }) => expiresAt)),
    revoked: lists.reduce((sum, { revoked }) => sum + revoked.size, 0),
    warnings: without.map(({ subject }) =>
      `"${path}" has no list of ${new DistinguishedName(
        subject,
      )}: certificates that it has issued are refused`
    ),
  };
}

function listsIn(path: string, bytes: Uint8Array): Uint8Array[] {
  if (bytes[0] === DER.sequence) return [bytes];
  const blocks = blocksOf(new TextDecoder().decode(bytes), "X509 CRL");
  if (blocks.length === 0) {
    throw new CredentialsError(
      "crl",
      `Cannot find a revocation list in "${path}": expected PEM, "-----BEGIN X509 CRL-----", or DER`,
    );
  }
  return blocks.map((block, index) => {
    try {
      return Uint8Array.fromBase64(block.replaceAll(/-----[^-]+-----/g, ""));
    } catch {
      throw new CredentialsError("crl", `Cannot parse list ${index + 1} in "${path}": it is damaged`);
    }
  });
}

function parse(path: string, raw: Uint8Array, index: number): RevocationList {
  try {
    return readRevocationList(raw);
  } catch (cause) {
    if (!(cause instanceof MalformedError)) throw cause;
    throw new CredentialsError("crl", `Cannot parse list ${index + 1} in "${path}": ${cause.message}`);
  }
}

/** A list of an authority that is not known here may be one that clients send the certificate of. */
function check(path: string, list: RevocationList, known: readonly TrustedAuthority[], now: number): void {
  const issuers = known.filter(({ subject }) => sameBytes(subject, list.issuer));
  const fault = list.expiresAt < now
    ? `expired on ${new Date(list.expiresAt).toISOString()} (publish a new one)`
    : issuers.length > 0 && !issuers.some(({ publicKey }) => isSignedBy(list, publicKey))
    ? "is not signed by the authority of that name in client_ca, with SHA-256 or better"
    : undefined;
  if (fault === undefined) return;
  throw new CredentialsError(
    "crl",
    `Cannot use "${path}": the list of ${new DistinguishedName(list.issuer)} ${fault}`,
  );
}

function isAuthority(raw: Uint8Array): boolean {
  try {
    return readCertificate(raw).extensions.isAuthority;
  } catch (cause) {
    if (cause instanceof MalformedError) return true;
    throw cause;
  }
}
