/** The type-length-value records of a PROXY protocol header (proxy-protocol.txt, sections 2.2.1 to 2.2.8). */

import { ByteReader, CutShortError, MalformedError } from "../byte_reader.ts";
import type { ProxyTls, ProxyTlv, ProxyTlvs } from "./header.ts";
import { concatenate } from "../concatenate.ts";

/** Types of the records. */
const TLV_TYPE = {
  alpn: 0x01,
  authority: 0x02,
  crc32c: 0x03,
  noop: 0x04,
  uniqueId: 0x05,
  tls: 0x20,
  namespace: 0x30,
} as const;

/** The texts within a TLS record by their types (section 2.2.6), in the order in which they are sent. */
const TLS_TEXTS = new Map<number, Exclude<keyof ProxyTls, "client" | "verify" | "others">>([
  [0x21, "version"],
  [0x22, "commonName"],
  [0x23, "cipher"],
  [0x24, "signatureAlgorithm"],
  [0x25, "keyAlgorithm"],
]);

/** The fields of a TLS record that are in front of its own records, in bytes: `client` and `verify`. */
const TLS_FIELDS = 5;

/** In bytes. */
const CHECKSUM_LENGTH = 4;
/** Castagnoli's, its bits in reverse. */
const CHECKSUM_POLYNOMIAL = 0x82f6_3b78;
const MAX_UNIQUE_ID = 128;

/** Types that may occur only once, because it is unclear which of two would count. */
const SINGLE = Object.values(TLV_TYPE).filter((type) => type !== TLV_TYPE.noop);
const TLS_SINGLE = [...TLS_TEXTS.keys()];

const ENCODER = new TextEncoder();
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** For names from certificates, which can be in any encoding: only people read them. */
const LENIENT_UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });

type Mutable<Type> = { -readonly [Key in keyof Type]: Type[Key] };

interface Checksum {
  /** Its position in the header. */
  readonly offset: number;
  readonly value: number;
}

/**
 * Reads the records that fill a header from `start` to `end`, and verifies its checksum. The values are copies.
 *
 * @throws {MalformedError} when they are wrong.
 * @throws {CutShortError} when they are not all there.
 */
export function readTlvs(bytes: Uint8Array, start: number, end: number): ProxyTlvs {
  const tlvs: Mutable<ProxyTlvs> = {};
  const others: ProxyTlv[] = [];
  let checksum: Checksum | undefined;
  for (const { type, value } of tlvsOf(new ByteReader(bytes, "the header", start, end), SINGLE)) {
    if (type === TLV_TYPE.alpn) tlvs.alpn = value.latin1();
    else if (type === TLV_TYPE.authority) tlvs.authority = readUtf8(value);
    else if (type === TLV_TYPE.crc32c) checksum = readChecksum(value);
    else if (type === TLV_TYPE.uniqueId) tlvs.uniqueId = readUniqueId(value);
    else if (type === TLV_TYPE.tls) tlvs.tls = readTls(value);
    else if (type === TLV_TYPE.namespace) tlvs.namespace = readAscii(value);
    else if (type !== TLV_TYPE.noop) others.push({ type, value: value.rest().slice() });
  }
  if (others.length > 0) tlvs.others = others;
  if (bytes.length < end) throw new CutShortError("the header is not there yet");
  if (checksum !== undefined && crc32c(bytes.subarray(0, end), checksum.offset) !== checksum.value) {
    throw new MalformedError("wrong checksum");
  }
  return tlvs;
}

function* tlvsOf(
  records: ByteReader,
  single: readonly number[],
): Generator<{ type: number; value: ByteReader }> {
  const seen = new Set<number>();
  while (records.remaining > 0) {
    const typeAndLength = records.uint24();
    const type = typeAndLength >>> 16;
    const name = `TLV 0x${type.toString(16).padStart(2, "0")}`;
    const value = records.piece(typeAndLength & 0xffff, name);
    if (seen.has(type) && single.includes(type)) throw new MalformedError(`${name} occurs twice`);
    seen.add(type);
    yield { type, value };
  }
}

function readTls(record: ByteReader): ProxyTls {
  const fields = record.piece(TLS_FIELDS, "the beginning of the TLS record");
  const tls: Mutable<ProxyTls> = { client: fields.uint8(), verify: fields.uint32() };
  const others: ProxyTlv[] = [];
  for (const { type, value } of tlvsOf(record, TLS_SINGLE)) {
    const name = TLS_TEXTS.get(type);
    if (name === undefined) others.push({ type, value: value.rest().slice() });
    else tls[name] = name === "commonName" ? LENIENT_UTF8.decode(value.rest()) : readAscii(value);
  }
  if (others.length > 0) tls.others = others;
  return tls;
}

function readChecksum(bytes: ByteReader): Checksum {
  const { offset, remaining } = bytes;
  if (remaining !== CHECKSUM_LENGTH) throw new MalformedError("wrong length of the checksum");
  return { offset, value: bytes.uint32() };
}

function readUniqueId(bytes: ByteReader): Uint8Array {
  if (bytes.remaining > MAX_UNIQUE_ID) throw new MalformedError("the unique ID is too long");
  return bytes.rest().slice();
}

function readAscii(bytes: ByteReader): string {
  const text = bytes.latin1();
  if (!/^[\x20-\x7e]*$/.test(text)) throw new MalformedError(`${bytes.what} is not printable ASCII`);
  return text;
}

function readUtf8(bytes: ByteReader): string {
  const view = bytes.rest();
  try {
    return UTF8.decode(view);
  } catch {
    throw new MalformedError(`${bytes.what} is not UTF-8`);
  }
}

/**
 * The records that fit into this many bytes; others are omitted whole. The TLS record comes first, because it
 * says whether the client's certificate was verified. Then come the unique ID, the authority, ALPN, the
 * namespace, and other types in their order, each if it still fits.
 *
 * @throws {RangeError} when a value is invalid for its type.
 */
export function writeTlvs(tlvs: ProxyTlvs, space: number): Uint8Array<ArrayBuffer> {
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
    if (record.length > space) continue;
    space -= record.length;
    kept.add(record);
  }
  return concatenate(
    ...[alpn, authority, uniqueId, tls, namespace, ...others].filter((record) => kept.has(record)),
  );
}

function tlsValue(tls: ProxyTls): Uint8Array {
  const fields = new DataView(new ArrayBuffer(TLS_FIELDS));
  fields.setUint8(0, tls.client);
  fields.setUint32(1, tls.verify);
  return concatenate(
    new Uint8Array(fields.buffer),
    ...TLS_TEXTS.entries().map(([type, name]) =>
      textTlv(type, tls[name], name === "commonName" ? utf8Bytes : asciiBytes)
    ),
    ...otherTlvs(tls.others),
  );
}

function otherTlvs(others: readonly ProxyTlv[] = []): Uint8Array[] {
  return others.map(({ type, value }) => tlv(type, value));
}

function textTlv(type: number, text: string | undefined, encode: (text: string) => Uint8Array): Uint8Array {
  return tlv(type, text === undefined ? undefined : encode(text));
}

/** Writes nothing when there is no value. A value too long for the length field does not fit into a header either. */
function tlv(type: number, value: Uint8Array | undefined): Uint8Array {
  if (value === undefined) return new Uint8Array(0);
  return concatenate(Uint8Array.of(type, value.length >>> 8, value.length), value);
}

function utf8Bytes(text: string): Uint8Array {
  return ENCODER.encode(text);
}

function asciiBytes(text: string): Uint8Array {
  if (!/^[\x20-\x7e]*$/.test(text)) {
    throw new RangeError("Cannot send other text than ASCII in a PROXY header");
  }
  return ENCODER.encode(text);
}

/** A byte per character. */
function latin1Bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => {
    const code = character.charCodeAt(0);
    if (code > 0xff) throw new RangeError("Cannot send a protocol name with other characters than bytes");
    return code;
  });
}

/**
 * The CRC32c (RFC 4960 appendix B, RFC 3720 appendix B.4) of all bytes; the four bytes at `zerosAt` count as zeros.
 * Without a table, because the input is a few hundred bytes.
 */
export function crc32c(bytes: Uint8Array, zerosAt = -4): number {
  let crc = 0xffff_ffff;
  for (let at = 0; at < bytes.length; at++) {
    if (at < zerosAt || at >= zerosAt + 4) crc ^= bytes[at]!;
    for (let bit = 0; bit < 8; bit++) crc = crc >>> 1 ^ (crc & 1 ? CHECKSUM_POLYNOMIAL : 0);
  }
  return ~crc >>> 0;
}
