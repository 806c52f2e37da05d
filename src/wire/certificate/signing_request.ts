/** Writes what is signed here: certificate requests (PKCS #10, RFC 2986), and certificates that answer ACME. */

import { DER } from "./der.ts";
import {
  derBitString,
  derInteger,
  derObjectId,
  derSequence,
  derText,
  derTime,
  derValue,
} from "./der_writer.ts";

const ECDSA_WITH_SHA256 = "1.2.840.10045.4.3.2";
const COMMON_NAME = "2.5.4.3";
const EXTENSION_REQUEST = "1.2.840.113549.1.9.14";
const ALTERNATIVE_NAMES = "2.5.29.17";
/** RFC 8737 section 6.1. */
const ACME_IDENTIFIER = "1.3.6.1.5.5.7.1.31";

/** Tags that count from 0 in their context. */
const VERSION = 0xa0;
const ATTRIBUTES = 0xa0;
const EXTENSIONS = 0xa3;
const DNS_NAME = 0x82;

/** `version 3`, as X.509 counts. */
const VERSION_3 = Uint8Array.of(2);

/**
 * The part of a certificate request that its key signs, for these DNS names; its subject is empty.
 *
 * @param publicKey The SubjectPublicKeyInfo, as DER.
 */
export function requestToSign(names: readonly string[], publicKey: Uint8Array): Uint8Array<ArrayBuffer> {
  const extensions = derSequence(alternativeNames(names, names.length > 0));
  const attribute = derSequence(derObjectId(EXTENSION_REQUEST), derValue(DER.set, extensions));
  return derSequence(
    derInteger(Uint8Array.of(0)),
    derSequence(),
    publicKey,
    derValue(ATTRIBUTES, attribute),
  );
}

/** The part of a certificate for tls-alpn-01 (RFC 8737 section 3) that its own key signs. */
export interface ChallengeCertificate {
  readonly name: string;
  /** SHA-256 of the key authorization. */
  readonly digest: Uint8Array;
  /** The SubjectPublicKeyInfo, as DER. */
  readonly publicKey: Uint8Array;
  /** Positive, at most 20 bytes. */
  readonly serial: Uint8Array;
  /** Milliseconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
}

export function certificateToSign(certificate: ChallengeCertificate): Uint8Array<ArrayBuffer> {
  const { name, digest, publicKey, serial, notBefore, notAfter } = certificate;
  const subject = commonName("ACME challenge");
  const identifier = derSequence(
    derObjectId(ACME_IDENTIFIER),
    derValue(DER.boolean, Uint8Array.of(0xff)),
    derValue(DER.octetString, derValue(DER.octetString, digest)),
  );
  return derSequence(
    derValue(VERSION, derInteger(VERSION_3)),
    derInteger(serial),
    algorithm(),
    subject,
    derSequence(derTime(notBefore), derTime(notAfter)),
    subject,
    publicKey,
    derValue(EXTENSIONS, derSequence(alternativeNames([name], false), identifier)),
  );
}

/** A request or certificate with its signature by ECDSA with SHA-256, given as DER. */
export function withSignature(toSign: Uint8Array, signature: Uint8Array): Uint8Array<ArrayBuffer> {
  return derSequence(toSign, algorithm(), derBitString(signature));
}

function algorithm(): Uint8Array {
  return derSequence(derObjectId(ECDSA_WITH_SHA256));
}

function commonName(name: string): Uint8Array {
  const value = derSequence(derObjectId(COMMON_NAME), derText(DER.utf8String, name));
  return derSequence(derValue(DER.set, value));
}

/** @param isCritical Where the subject is empty, it must be (RFC 5280 section 4.2.1.6). */
function alternativeNames(names: readonly string[], isCritical: boolean): Uint8Array {
  const list = derSequence(...names.map((name) => derText(DNS_NAME, name)));
  const flag = isCritical ? [derValue(DER.boolean, Uint8Array.of(0xff))] : [];
  return derSequence(derObjectId(ALTERNATIVE_NAMES), ...flag, derValue(DER.octetString, list));
}
