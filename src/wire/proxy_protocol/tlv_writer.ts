/** Writes the type-length-value records of a PROXY protocol header (proxy-protocol.txt, sections 2.2.1 to 2.2.8). */

import type { ProxyTls, ProxyTlv, ProxyTlvs } from "./header.ts";
import { CHECKSUM_LENGTH, MAX_UNIQUE_ID, TLS_FIELDS, TLS_TYPE, TLV_TYPE } from "./tlv_type.ts";

const UTF8 = new TextEncoder();

/**
 * The records that fit into this many bytes; others are omitted whole. The TLS record comes first, because it
 * says whether the client's certificate was verified. Then come the unique ID, the authority, ALPN, the
 * namespace, and other types in their order, each if it still fits.
 *
 * @throws {RangeError} when a value is invalid for its type.
 */
export function writeTlvs(tlvs: ProxyTlvs, room: number): Uint8Array<ArrayBuffer> {
  if (tlvs.uniqueId !== undefined && tlvs.uniqueId.length > MAX_UNIQUE_ID) {
    throw new RangeError(`Cannot send a unique ID of more than ${MAX_UNIQUE_ID} bytes in a PROXY header`);
  }
  const alpn = textTlv(TLV_TYPE.alpn, tlvs.alpn, latin1Bytes);
  const authority = textTlv(TLV_TYPE.authority, tlvs.authority, utf8Bytes);
  const uniqueId = tlv(TLV_TYPE.uniqueId, tlvs.uniqueId);
  const tls = tlv(TLV_TYPE.tls, tlvs.tls && tlsValue(tlvs.tls));
  const namespace = textTlv(TLV_TYPE.namespace, tlvs.namespace, asciiBytes);
  const others = otherTlvs(tlvs.others);
  const kept = new Set<Uint8Array>();
  for (const record of [tls, uniqueId, authority, alpn, namespace, ...others]) {
    if (record.length > room) continue;
    room -= record.length;
    kept.add(record);
  }
  return concatenate(
    ...[alpn, authority, uniqueId, tls, namespace, ...others].filter((record) => kept.has(record)),
  );
}

/** A record whose value, its last four bytes, is to be filled in once the header is complete. */
export function emptyChecksumTlv(): Uint8Array {
  return tlv(TLV_TYPE.crc32c, new Uint8Array(CHECKSUM_LENGTH));
}

export function concatenate(...pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

function tlsValue(tls: ProxyTls): Uint8Array {
  const fields = new DataView(new ArrayBuffer(TLS_FIELDS));
  fields.setUint8(0, tls.client);
  fields.setUint32(1, tls.verify);
  return concatenate(
    new Uint8Array(fields.buffer),
    textTlv(TLS_TYPE.version, tls.version, asciiBytes),
    textTlv(TLS_TYPE.commonName, tls.commonName, utf8Bytes),
    textTlv(TLS_TYPE.cipher, tls.cipher, asciiBytes),
    textTlv(TLS_TYPE.signatureAlgorithm, tls.signatureAlgorithm, asciiBytes),
    textTlv(TLS_TYPE.keyAlgorithm, tls.keyAlgorithm, asciiBytes),
    ...otherTlvs(tls.others),
  );
}

function otherTlvs(others: readonly ProxyTlv[] = []): Uint8Array[] {
  return others.map(({ type, value }) => tlv(type, value));
}

function textTlv(type: number, text: string | undefined, encode: (text: string) => Uint8Array): Uint8Array {
  return tlv(type, text === undefined ? undefined : encode(text));
}

/**
 * Nothing when there is no value. A value too long for the length field does not fit into a header either.
 */
function tlv(type: number, value: Uint8Array | undefined): Uint8Array {
  if (value === undefined) return new Uint8Array(0);
  return concatenate(Uint8Array.of(type, value.length >>> 8, value.length), value);
}

function utf8Bytes(text: string): Uint8Array {
  return UTF8.encode(text);
}

function asciiBytes(text: string): Uint8Array {
  if (!/^[\x20-\x7e]*$/.test(text)) {
    throw new RangeError("Cannot send other text than ASCII in a PROXY header");
  }
  return UTF8.encode(text);
}

/** A byte per character. */
function latin1Bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => {
    const code = character.charCodeAt(0);
    if (code > 0xff) throw new RangeError("Cannot send a protocol name with other characters than bytes");
    return code;
  });
}
