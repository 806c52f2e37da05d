/** Verifies certificate signatures, with the algorithms that the TLS library accepts. */

import { constants, createPublicKey, type KeyObject, verify } from "node:crypto";
import type { Signed } from "../../wire/certificate/certificate.ts";
import { DER, DerReader } from "../../wire/certificate/der.ts";
import { kindFault } from "./pem.ts";

interface Scheme {
  /** The type of the key. */
  readonly type: "rsa" | "ec" | "ed25519";
  readonly hash?: string;
  readonly padding?: number;
}

/** By the object ID of the algorithm. SHA-1 and MD5 are missing on purpose. */
const SCHEMES: Record<string, Scheme> = {
  "1.2.840.113549.1.1.11": { type: "rsa", hash: "sha256", padding: constants.RSA_PKCS1_PADDING },
  "1.2.840.113549.1.1.12": { type: "rsa", hash: "sha384", padding: constants.RSA_PKCS1_PADDING },
  "1.2.840.113549.1.1.13": { type: "rsa", hash: "sha512", padding: constants.RSA_PKCS1_PADDING },
  "1.2.840.10045.4.3.2": { type: "ec", hash: "sha256" },
  "1.2.840.10045.4.3.3": { type: "ec", hash: "sha384" },
  "1.2.840.10045.4.3.4": { type: "ec", hash: "sha512" },
  "1.3.101.112": { type: "ed25519" },
};
const RSA_PSS = "1.2.840.113549.1.1.10";
/** By the object ID of the hash. */
const PSS_HASHES: Record<string, string> = {
  "2.16.840.1.101.3.4.2.1": "sha256",
  "2.16.840.1.101.3.4.2.2": "sha384",
  "2.16.840.1.101.3.4.2.3": "sha512",
};

/**
 * Whether a certificate or a revocation list was signed with the private key of `publicKey`.
 *
 * @param publicKey As SubjectPublicKeyInfo.
 * @throws {MalformedError} when the algorithm is malformed.
 */
export function isSignedBy(document: Signed, publicKey: Uint8Array): boolean {
  const { signed, signature } = document;
  const scheme = schemeOf(document);
  if (scheme === undefined) return false;
  const key = keyOf(publicKey);
  if (key === undefined || key.asymmetricKeyType !== scheme.type || kindFault(key) !== undefined) {
    return false;
  }
  const { hash = null, padding } = scheme;
  // The salt is as long as the hash, as in TLS (RFC 8446 section 4.2.3).
  const saltLength = constants.RSA_PSS_SALTLEN_DIGEST;
  return verify(hash, signed, padding === undefined ? key : { key, padding, saltLength }, signature);
}

function schemeOf({ signatureAlgorithm: { id, raw } }: Signed): Scheme | undefined {
  if (id !== RSA_PSS) return SCHEMES[id];
  const algorithm = new DerReader(raw).inside(DER.sequence);
  algorithm.objectId();
  // If the parameters name no hash, the default is SHA-1.
  if (algorithm.isAtEnd) return undefined;
  const field = algorithm.inside(DER.sequence).optional(0xa0);
  const hash = field && PSS_HASHES[new DerReader(field.content).inside(DER.sequence).objectId()];
  return hash === undefined ? undefined : { type: "rsa", hash, padding: constants.RSA_PKCS1_PSS_PADDING };
}

function keyOf(publicKey: Uint8Array): KeyObject | undefined {
  try {
    return createPublicKey({ key: publicKey as Buffer, format: "der", type: "spki" });
  } catch {
    return undefined;
  }
}
