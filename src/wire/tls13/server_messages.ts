/**
 * The messages of a server in a handshake of TLS 1.3 without resumption and client certificates (RFC 8446 section 4).
 */

import { concatenate } from "../concatenate.ts";
import { KEY_SHARE, SUPPORTED_VERSIONS, TLS_1_3 } from "./hello_offer.ts";

export const AES_128_GCM_SHA256 = 0x1301;
export const ECDSA_SECP256R1_SHA256 = 0x0403;

/** Types of handshake messages. */
export const CLIENT_HELLO = 1;
const SERVER_HELLO = 2;
const ENCRYPTED_EXTENSIONS = 8;
const CERTIFICATE = 11;
const CERTIFICATE_VERIFY = 15;
const FINISHED = 20;

/** A type of extension. */
const ALPN = 16;

const LEGACY_VERSION = 0x0303;

/** A handshake message with its header. */
export function handshakeMessage(type: number, ...body: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const content = concatenate(...body);
  return concatenate(Uint8Array.of(type), number(3, content.length), content);
}

export function serverHello(
  { random, sessionId, group, keyShare }: {
    readonly random: Uint8Array;
    readonly sessionId: Uint8Array;
    readonly group: number;
    readonly keyShare: Uint8Array;
  },
): Uint8Array<ArrayBuffer> {
  const extensions = concatenate(
    extension(SUPPORTED_VERSIONS, number(2, TLS_1_3)),
    extension(KEY_SHARE, number(2, group), vector(2, keyShare)),
  );
  return handshakeMessage(
    SERVER_HELLO,
    number(2, LEGACY_VERSION),
    random,
    vector(1, sessionId),
    number(2, AES_128_GCM_SHA256),
    number(1, 0),
    vector(2, extensions),
  );
}

/** @param protocol The one agreed on (ALPN). */
export function encryptedExtensions(protocol: string): Uint8Array<ArrayBuffer> {
  const name = vector(1, new TextEncoder().encode(protocol));
  return handshakeMessage(ENCRYPTED_EXTENSIONS, vector(2, extension(ALPN, vector(2, name))));
}

/** @param der One certificate, without issuers. */
export function certificateMessage(der: Uint8Array): Uint8Array<ArrayBuffer> {
  const entry = concatenate(number(3, der.length), der, number(2, 0));
  return handshakeMessage(CERTIFICATE, vector(1), number(3, entry.length), entry);
}

export function certificateVerify(signature: Uint8Array): Uint8Array<ArrayBuffer> {
  return handshakeMessage(CERTIFICATE_VERIFY, number(2, ECDSA_SECP256R1_SHA256), vector(2, signature));
}

/** What the signature of {@linkcode certificateVerify} is of (section 4.4.3). @param transcript A hash. */
export function contentToSign(transcript: Uint8Array): Uint8Array<ArrayBuffer> {
  const text = `${" ".repeat(64)}TLS 1.3, server CertificateVerify\0`;
  return concatenate(new TextEncoder().encode(text), transcript);
}

export function finished(verifyData: Uint8Array): Uint8Array<ArrayBuffer> {
  return handshakeMessage(FINISHED, verifyData);
}

/** The input of HKDF-Expand-Label (section 7.1). */
export function hkdfLabel(label: string, context: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  return concatenate(
    number(2, length),
    vector(1, new TextEncoder().encode(`tls13 ${label}`)),
    vector(1, context),
  );
}

/** A number of this many bytes. */
export function number(size: 1 | 2 | 3, value: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: size }, (_, index) => value >>> (8 * (size - 1 - index)) & 0xff);
}

/** Bytes behind their length. */
function vector(lengthSize: 1 | 2, ...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const content = concatenate(...parts);
  return concatenate(number(lengthSize, content.length), content);
}

function extension(type: number, ...data: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return concatenate(number(2, type), vector(2, ...data));
}
