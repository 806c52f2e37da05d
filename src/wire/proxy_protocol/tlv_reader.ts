/** Reads the type-length-value records of a PROXY protocol header (proxy-protocol.txt, sections 2.2.1 to 2.2.8). */

import { ByteReader, CutShortError, MalformedError } from "../byte_reader.ts";
import { crc32c } from "./crc32c.ts";
import type { ProxyTls, ProxyTlv, ProxyTlvs } from "./header.ts";
import { CHECKSUM_LENGTH, MAX_UNIQUE_ID, TLS_FIELDS, TLS_TYPE, TLV_TYPE } from "./tlv_type.ts";

/** Types that may occur only once, as nobody could say which of two counts. */
const SINGLE = Object.values(TLV_TYPE).filter((type) => type !== TLV_TYPE.noop);
const TLS_SINGLE = Object.values(TLS_TYPE);

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** For names out of certificates, which can be in any encoding: they are for people to read. */
const LENIENT_UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });

type Mutable<Type> = { -readonly [Key in keyof Type]: Type[Key] };

interface Checksum {
  /** Where it is in the header. */
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
    if (type === TLS_TYPE.version) tls.version = readAscii(value);
    else if (type === TLS_TYPE.commonName) tls.commonName = LENIENT_UTF8.decode(value.rest());
    else if (type === TLS_TYPE.cipher) tls.cipher = readAscii(value);
    else if (type === TLS_TYPE.signatureAlgorithm) tls.signatureAlgorithm = readAscii(value);
    else if (type === TLS_TYPE.keyAlgorithm) tls.keyAlgorithm = readAscii(value);
    else others.push({ type, value: value.rest().slice() });
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
