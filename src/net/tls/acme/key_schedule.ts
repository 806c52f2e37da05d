/** The keys of a handshake of TLS 1.3 with SHA-256 and AES-128-GCM (RFC 8446 sections 5.2, 7.1 and 7.3). */

import { Buffer } from "node:buffer";
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
} from "node:crypto";
import { concatenate } from "../../../wire/concatenate.ts";
import { SECP256R1, X25519 } from "../../../wire/tls13/hello_offer.ts";
import { hkdfLabel, number } from "../../../wire/tls13/server_messages.ts";

const HASH_SIZE = 32;
const KEY_SIZE = 16;
const NONCE_SIZE = 12;
const TAG_SIZE = 16;
const NOTHING = new Uint8Array(0);

/** Of a record that is protected. */
const APPLICATION_DATA = 23;
const RECORD_VERSION = 0x0303;

export function sha256(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

/** The secrets of both sides, once the ServerHello is sent. @param transcript The hash up to it. */
export function handshakeSecrets(
  shared: Uint8Array,
  transcript: Uint8Array,
): { readonly client: Uint8Array; readonly server: Uint8Array } {
  const early = hmac(new Uint8Array(HASH_SIZE), new Uint8Array(HASH_SIZE));
  const derived = expandLabel(early, "derived", sha256(), HASH_SIZE);
  const secret = hmac(derived, shared);
  return {
    client: expandLabel(secret, "c hs traffic", transcript, HASH_SIZE),
    server: expandLabel(secret, "s hs traffic", transcript, HASH_SIZE),
  };
}

/** What a Finished message of the side with this secret says. */
export function verifyData(secret: Uint8Array, transcript: Uint8Array): Uint8Array {
  return hmac(expandLabel(secret, "finished", NOTHING, HASH_SIZE), transcript);
}

/** Protects the records of one side, in order. */
export class RecordProtection {
  readonly #key: Uint8Array;
  readonly #iv: Uint8Array;
  #sequence = 0;

  constructor(secret: Uint8Array) {
    this.#key = expandLabel(secret, "key", NOTHING, KEY_SIZE);
    this.#iv = expandLabel(secret, "iv", NOTHING, NONCE_SIZE);
  }

  /** A whole record. @param type Of what is inside. */
  seal(type: number, content: Uint8Array): Uint8Array<ArrayBuffer> {
    const inner = concatenate(content, number(1, type));
    const header = headerOf(inner.length + TAG_SIZE);
    const cipher = createCipheriv("aes-128-gcm", this.#key, this.#nonce());
    cipher.setAAD(Buffer.from(header));
    const sealed = concatenate(cipher.update(inner), cipher.final());
    return concatenate(header, sealed, cipher.getAuthTag());
  }

  /** The type and content of a record, given without its header. @throws when it was changed on its way. */
  open(sealed: Uint8Array): { readonly type: number; readonly content: Uint8Array } {
    if (sealed.length <= TAG_SIZE) throw new RangeError("The record is too short");
    const decipher = createDecipheriv("aes-128-gcm", this.#key, this.#nonce());
    decipher.setAAD(Buffer.from(headerOf(sealed.length)));
    decipher.setAuthTag(sealed.subarray(-TAG_SIZE));
    const inner = concatenate(decipher.update(sealed.subarray(0, -TAG_SIZE)), decipher.final());
    // Zeros pad it.
    const last = inner.findLastIndex((byte) => byte !== 0);
    return { type: inner[last] ?? 0, content: inner.subarray(0, Math.max(last, 0)) };
  }

  #nonce(): Uint8Array {
    const nonce = Uint8Array.from(this.#iv);
    // One byte of the count is enough: a handshake has a few records.
    nonce[NONCE_SIZE - 1]! ^= this.#sequence++;
    return nonce;
  }
}

/** This side's part of the key exchange. */
export interface KeyExchange {
  readonly keyShare: Uint8Array;
  readonly shared: Uint8Array;
}

/** @param peer The other side's part. @throws when that is not on the curve. */
export function exchangeKeys(group: number, peer: Uint8Array): KeyExchange {
  if (group !== X25519 && group !== SECP256R1) throw new RangeError(`Group ${group} is not supported`);
  const { privateKey, publicKey } = group === X25519
    ? generateKeyPairSync("x25519")
    : generateKeyPairSync("ec", { namedCurve: "P-256" });
  const shared = new Uint8Array(diffieHellman({ privateKey, publicKey: publicKeyOf(group, peer) }));
  return { keyShare: shareOf(publicKey), shared };
}

function publicKeyOf(group: number, share: Uint8Array): KeyObject {
  const text = (from: number, to?: number) => Buffer.from(share.subarray(from, to)).toString("base64url");
  const key = group === X25519
    ? { kty: "OKP", crv: "X25519", x: text(0) }
    : { kty: "EC", crv: "P-256", x: text(1, 33), y: text(33) };
  return createPublicKey({ key, format: "jwk" });
}

function shareOf(publicKey: KeyObject): Uint8Array {
  const { x, y } = publicKey.export({ format: "jwk" });
  const bytes = (text: string) => Uint8Array.from(Buffer.from(text, "base64url"));
  return y === undefined ? bytes(x!) : concatenate(number(1, 4), bytes(x!), bytes(y));
}

function headerOf(length: number): Uint8Array {
  return concatenate(number(1, APPLICATION_DATA), number(2, RECORD_VERSION), number(2, length));
}

function expandLabel(secret: Uint8Array, label: string, context: Uint8Array, length: number): Uint8Array {
  // One round of HKDF-Expand (RFC 5869) gives up to a whole hash.
  return hmac(secret, concatenate(hkdfLabel(label, context, length), number(1, 1))).subarray(0, length);
}

function hmac(key: Uint8Array, data: Uint8Array): Uint8Array {
  return new Uint8Array(createHmac("sha256", key).update(data).digest());
}
