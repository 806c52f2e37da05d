/** What a ClientHello offers to a server of TLS 1.3 (RFC 8446 section 4.1.2). */

import { ByteReader } from "../byte_reader.ts";

/** Groups for the key exchange (RFC 8446 section 4.2.7). */
export const X25519 = 0x001d;
export const SECP256R1 = 0x0017;
export const TLS_1_3 = 0x0304;

const RANDOM = 32;
/** Types of extensions. */
export const SUPPORTED_VERSIONS = 43;
export const KEY_SHARE = 51;
const SIGNATURE_ALGORITHMS = 13;

export interface HelloOffer {
  /** It has to be repeated. */
  readonly sessionId: Uint8Array;
  readonly cipherSuites: readonly number[];
  readonly versions: readonly number[];
  readonly signatureAlgorithms: readonly number[];
  /** The client's part of the key exchange, by group. */
  readonly keyShares: ReadonlyMap<number, Uint8Array>;
}

/**
 * @param message A ClientHello without its header.
 * @throws {MalformedError}
 */
export function readHelloOffer(message: Uint8Array): HelloOffer {
  const hello = new ByteReader(message, "the ClientHello");
  hello.uint16();
  hello.piece(RANDOM, "the random value");
  const sessionId = hello.vector(1, "the session ID").rest();
  const cipherSuites = numbersIn(hello.vector(2, "the cipher list"));
  hello.vector(1, "the compression list");
  const offer = { versions: [] as number[], signatureAlgorithms: [] as number[], keyShares: new Map() };
  const extensions = hello.remaining > 0 ? hello.vector(2, "the extensions") : undefined;
  while (extensions !== undefined && extensions.remaining > 0) {
    const type = extensions.uint16();
    const data = extensions.vector(2, `extension ${type}`);
    if (type === SUPPORTED_VERSIONS) offer.versions = numbersIn(data.vector(1, "the version list"));
    else if (type === SIGNATURE_ALGORITHMS) offer.signatureAlgorithms = numbersIn(data.vector(2, "the list"));
    else if (type === KEY_SHARE) offer.keyShares = sharesIn(data.vector(2, "the key shares"));
  }
  return { sessionId, cipherSuites, ...offer };
}

function numbersIn(list: ByteReader): number[] {
  const numbers: number[] = [];
  while (list.remaining > 0) numbers.push(list.uint16());
  return numbers;
}

function sharesIn(list: ByteReader): Map<number, Uint8Array> {
  const shares = new Map<number, Uint8Array>();
  while (list.remaining > 0) shares.set(list.uint16(), list.vector(2, "a key share").rest());
  return shares;
}
