/** PEM files (RFC 7468) of certificates and private keys: reading them, and saying what is wrong with them. */

import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { DerReader } from "../../wire/certificate/der.ts";
import { readFault } from "../../files/file_fault.ts";
import { withRemedy } from "../../files/permission_fault.ts";
import { readFile } from "../../files/read_file.ts";

/** Which of the files is at fault. */
export type CredentialFile = "cert" | "key" | "ca" | "crl" | "acme_ca";

/** A file cannot be used. The message has its path, the cause and the remedy, but never its content. */
export class CredentialsError extends Error {
  override readonly name = "CredentialsError";
  readonly file: CredentialFile;

  constructor(file: CredentialFile, message: string, options?: ErrorOptions) {
    super(message, options);
    this.file = file;
  }
}

/** The smallest RSA modulus that the TLS library accepts, in bits. */
const SMALLEST_RSA = 2048;
/** The curves that it accepts, by their names in Node.js. */
const CURVES = new Set(["prime256v1", "P-256", "secp384r1", "P-384", "secp521r1", "P-521"]);

/**
 * Reads a file. It must be a regular file, because it is read again whenever it may have changed: a pipe
 * would be empty by then.
 *
 * @throws {CredentialsError}
 */
export async function readPem(file: CredentialFile, path: string): Promise<string> {
  return new TextDecoder().decode(await readBytes(file, path));
}

/** As {@linkcode readPem}, of a file that may be DER. */
export async function readBytes(file: CredentialFile, path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new CredentialsError(file, `Cannot read "${path}": ${withRemedy(readFault(cause))}`, { cause });
  }
}

/**
 * The certificates among the PEM blocks of a file, in their order.
 *
 * @throws {CredentialsError} when there are none or one is broken.
 */
export function parseCertificates(file: CredentialFile, path: string, pem: string): X509Certificate[] {
  const blocks = blocksOf(pem, "(?:X509 |TRUSTED )?CERTIFICATE");
  if (blocks.length === 0) {
    const other = blocksOf(pem, "[A-Z ]*PRIVATE KEY").length > 0
      ? "it holds a private key (cert and key may be swapped)"
      : 'expected PEM, "-----BEGIN CERTIFICATE-----"';
    throw new CredentialsError(file, `Cannot find a certificate in "${path}": ${other}`);
  }
  return blocks.map((block, index) => {
    try {
      return withoutTrust(new X509Certificate(block));
    } catch {
      throw new CredentialsError(file, `Cannot parse certificate ${index + 1} in "${path}": it is damaged`);
    }
  });
}

/** The TLS library rejects the data that OpenSSL appends to a TRUSTED CERTIFICATE. */
function withoutTrust(certificate: X509Certificate): X509Certificate {
  const { raw } = new DerReader(certificate.raw).any();
  return raw.length === certificate.raw.length ? certificate : new X509Certificate(raw);
}

/**
 * The first private key among the PEM blocks of a file: PKCS#8, PKCS#1 or SEC 1.
 *
 * @throws {CredentialsError} when there is none or it cannot be used.
 */
export function parseKey(path: string, pem: string): KeyObject {
  const refusal = (what: string, why: string) =>
    new CredentialsError("key", `Cannot ${what} "${path}": ${why}`);
  const [block] = blocksOf(pem, "[A-Z ]*PRIVATE KEY");
  if (block === undefined) {
    throw refusal("find a private key in", 'expected PEM, "-----BEGIN PRIVATE KEY-----"');
  }
  if (/ENCRYPTED/.test(block)) {
    const remedy = `decrypt it with "openssl pkey -in ${path} -out FILE"`;
    throw refusal("use the key in", `it has a pass phrase (${remedy})`);
  }
  let key: KeyObject;
  try {
    key = createPrivateKey(block);
  } catch {
    throw refusal("parse the key in", "it is damaged, or of an unknown kind");
  }
  const fault = kindFault(key);
  if (fault !== undefined) throw refusal("use the key in", fault);
  return key;
}

/** Why the TLS library cannot use a key; it would report that only at the first handshake. */
export function kindFault(key: KeyObject): string | undefined {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details = {} } = key;
  if (type === "ed25519") return undefined;
  if (type === "rsa") {
    const bits = details.modulusLength ?? 0;
    return bits >= SMALLEST_RSA ? undefined : `RSA with ${bits} bits is too weak (${SMALLEST_RSA} at least)`;
  }
  if (type === "ec") {
    const curve = details.namedCurve ?? "unnamed";
    return CURVES.has(curve) ? undefined : `curve ${curve} is not supported (P-256, P-384 or P-521 are)`;
  }
  return `keys of kind ${type} are not supported (RSA, EC and Ed25519 are)`;
}

/** The blocks with a label, which may be a pattern. */
export function blocksOf(pem: string, label: string): string[] {
  const block = new RegExp(`-----BEGIN (${label})-----[^]*?-----END \\1-----`, "g");
  return Array.from(pem.matchAll(block), ([text]) => `${text}\n`);
}
