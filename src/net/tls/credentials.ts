/** Certificates and private keys from PEM files, checked before they are used. */

import type { KeyObject, X509Certificate } from "node:crypto";
import { fileInfo } from "../../files/read_file.ts";
import { MalformedError } from "../../wire/byte_reader.ts";
import { type Certificate, readCertificate, readHolder } from "../../wire/certificate/certificate.ts";
import { DistinguishedName } from "../../wire/certificate/distinguished_name.ts";
import { MAKE_VERSION_3 } from "./chain.ts";
import { CredentialsError, parseCertificates, parseKey, readPem } from "./pem.ts";

/** A certificate file, the server's own certificate first (RFC 8446 section 4.4.2), and the file of its key. */
export interface CredentialFiles {
  readonly cert: string;
  readonly key: string;
}

/** A certificate chain and its private key, as PEM: what a handshake takes. */
export interface TlsIdentity {
  readonly cert: string;
  readonly key: string;
  /** DNS names of the certificate, in lower case; a leading `*.` matches one label. */
  readonly names: readonly string[];
}

export interface CredentialsOptions extends TlsIdentity {
  readonly subject: string;
  readonly expiresAt: Date;
  readonly warnings: readonly string[];
}

/** A certificate chain with its key. The key is private, so that printing and JSON do not show it. */
export class Credentials implements TlsIdentity {
  /** The chain, as PEM. */
  readonly cert: string;
  /** DNS names of the certificate, in lower case; a leading `*.` matches one label. */
  readonly names: readonly string[];
  /** The subject, such as `CN=db.internal`. */
  readonly subject: string;
  /** When the certificate expires; {@linkcode warnings} report its issuers. */
  readonly expiresAt: Date;
  /** Faults that are no reason to refuse, for the log. */
  readonly warnings: readonly string[];
  readonly #key: string;

  constructor({ cert, key, names, subject, expiresAt, warnings }: CredentialsOptions) {
    this.cert = cert;
    this.#key = key;
    this.names = names;
    this.subject = subject;
    this.expiresAt = expiresAt;
    this.warnings = warnings;
  }

  /** The private key, as PEM. */
  get key(): string {
    return this.#key;
  }

  /** The form in which it can be sent to other threads. */
  get identity(): TlsIdentity {
    return { cert: this.cert, key: this.#key, names: this.names };
  }
}

/** Permission bits that let users other than the owner read. */
const READABLE_BY_OTHERS = 0o044;

/**
 * Reads a certificate with its key (RSA, EC or Ed25519; PKCS#8, PKCS#1 or SEC 1; both may be in one file).
 *
 * @param now The time at which the certificate must be valid.
 * @throws {CredentialsError} when a file cannot be read or used, the key is another certificate's, or the
 * certificate is not valid at that time.
 */
export async function loadCredentials(files: CredentialFiles, now = new Date()): Promise<Credentials> {
  const texts = { cert: await readPem("cert", files.cert), key: await readPem("key", files.key) };
  return parseCredentials(files, texts, { now, keyWarnings: await keyFileWarnings(files.key) });
}

/**
 * Checks PEM texts as {@linkcode loadCredentials} checks files.
 *
 * @param files Where they are from, for errors.
 * @throws {CredentialsError}
 */
export function parseCredentials(
  files: CredentialFiles,
  texts: CredentialFiles,
  { now, keyWarnings = [] }: { readonly now: Date; readonly keyWarnings?: readonly string[] },
): Credentials {
  const chain = parseCertificates("cert", files.cert, texts.cert);
  const leaf = chain[0]!;
  const { subject, names, version } = namesOf(files.cert, leaf);
  const key = parseKey(files.key, texts.key);
  checkKey(files, chain, key);
  checkValidity(files.cert, leaf, now);
  return new Credentials({
    cert: chain.map(String).join(""),
    // node:tls reads it for each handshake, and tries PKCS#8 as an RSA key first, which takes 30 µs.
    key: key.export({ type: key.asymmetricKeyType === "ec" ? "sec1" : "pkcs8", format: "pem" }) as string,
    names,
    subject,
    expiresAt: leaf.validToDate,
    warnings: [
      ...keyWarnings,
      ...versionWarnings(files.cert, version),
      ...chainWarnings(files.cert, chain, now),
    ],
  });
}

/**
 * Reads the certificates of the authorities that are trusted, as one PEM each.
 *
 * @param file Which file it is, for errors.
 * @throws {CredentialsError} when the file cannot be read, or holds none or a broken one.
 */
export async function loadAuthorities(
  path: string,
  file: "ca" | "acme_ca" = "ca",
): Promise<readonly string[]> {
  return parseCertificates(file, path, await readPem(file, path)).map(String);
}

function checkKey({ cert, key: path }: CredentialFiles, chain: X509Certificate[], key: KeyObject): void {
  const owner = chain.findIndex((certificate) => certificate.checkPrivateKey(key));
  if (owner === 0) return;
  const detail = owner === -1
    ? `it belongs to another certificate than "${cert}"`
    : `it belongs to certificate ${owner + 1} in "${cert}" (put that one first)`;
  throw new CredentialsError("key", `Cannot use the key in "${path}": ${detail}`);
}

function checkValidity(path: string, certificate: X509Certificate, now: Date): void {
  const { validFromDate, validToDate } = certificate;
  const fault = validToDate <= now
    ? `expired on ${day(validToDate)} (renew it)`
    : validFromDate > now
    ? `is valid only from ${validFromDate.toISOString()} (check the clock of this machine)`
    : undefined;
  if (fault !== undefined) {
    throw new CredentialsError("cert", `Cannot use "${path}": the certificate ${fault}`);
  }
}

async function keyFileWarnings(path: string): Promise<string[]> {
  // Windows has no mode bits. A file may be removed after it was read.
  const mode = await fileInfo(path).then((info) => info.mode ?? 0, () => 0);
  return (mode & READABLE_BY_OTHERS) === 0
    ? []
    : [`The key file "${path}" is readable by other users (chmod 600 it)`];
}

/** Issuers are not refused: chains in use hold old cross-signed roots that clients do without. */
function chainWarnings(path: string, chain: X509Certificate[], now: Date): string[] {
  return chain.slice(1).flatMap((issuer, index) => {
    const which = `Certificate ${index + 2} in "${path}"`;
    return [
      ...issuer.validToDate > now
        ? []
        : [`${which}, ${subjectOf(issuer)}, expired on ${day(issuer.validToDate)}`],
      ...chain[index]!.issuer === issuer.subject ? [] : [`${which} is not the issuer of the one before it`],
    ];
  });
}

function subjectOf({ raw }: X509Certificate): DistinguishedName {
  return new DistinguishedName(readHolder(raw).subject);
}

/** Many TLS libraries, this one included, accept only version 3. */
function versionWarnings(path: string, version: number): string[] {
  return version === 3
    ? []
    : [`The certificate in "${path}" is of X.509 version ${version}, which many refuse (${MAKE_VERSION_3})`];
}

interface Names {
  /** The owner of a certificate. */
  readonly subject: string;
  /** The DNS names that clients can ask for. */
  readonly names: string[];
  readonly version: number;
}

function namesOf(path: string, { raw }: X509Certificate): Names {
  try {
    const certificate = readCertificate(raw);
    const { version } = certificate;
    const subject = new DistinguishedName(certificate.subject);
    return {
      version,
      subject: String(subject),
      names: dnsNamesOf(certificate, subject).map((name) => name.toLowerCase()),
    };
  } catch (cause) {
    if (!(cause instanceof MalformedError)) throw cause;
    throw new CredentialsError("cert", `Cannot parse the certificate in "${path}": ${cause.message}`);
  }
}

/** The DNS names in the subject alternative names; if there are no alternative names, the common name. */
function dnsNamesOf({ extensions }: Certificate, { commonName }: DistinguishedName): readonly string[] {
  if (extensions.alternativeNames !== undefined) return extensions.alternativeNames.dns;
  return commonName === undefined ? [] : [commonName];
}

function day(date: Date): string {
  return date.toISOString().slice(0, "2026-01-01".length);
}
