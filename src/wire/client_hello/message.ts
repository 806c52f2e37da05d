/** Takes the first handshake message out of TLS records (RFC 8446 sections 4 and 5.1, RFC 5246 section 6.2.1). */

import { MalformedError } from "../byte_reader.ts";

const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
/** The major version of SSL 3 and of every TLS version. The minor version of a record says nothing. */
const MAJOR_VERSION = 3;
/** Bytes of the type, the version and the length. */
const RECORD_HEADER = 5;
const MAX_RECORD = 1 << 14;
/** Bytes of the type and the length. */
const MESSAGE_HEADER = 4;
/** The sizes of the smallest ClientHello and of the largest that its length fields allow, in bytes. */
const MIN_MESSAGE = 2 + 32 + 1 + 2 + 2 + 1 + 1;
const MAX_MESSAGE = 2 + 32 + 1 + 32 + 2 + 65_534 + 1 + 255 + 2 + 65_535;

/**
 * Returns the ClientHello at the start of `bytes`, without its header: a view if one record holds it, else a copy.
 *
 * @throws {MalformedError} when the bytes begin like a ClientHello but are not one.
 */
export function clientHelloMessage(bytes: Uint8Array): Uint8Array | "need_more" | "not_tls" {
  /** The header of the message as one number, as far as it has arrived. */
  let header = 0;
  let collected = 0;
  for (let at = 0;;) {
    const record = recordLength(bytes, at);
    if (typeof record === "string") return record;
    const start = at + RECORD_HEADER;
    const end = start + record;
    const there = Math.min(end, bytes.length) - start;
    if (at === 0 && there > 0 && bytes[start] !== CLIENT_HELLO) return "not_tls";
    for (let index = start; index < start + there && collected + index - start < MESSAGE_HEADER; index++) {
      header = header * 256 + bytes[index]!;
    }
    collected += there;
    if (collected >= MESSAGE_HEADER) {
      const length = header & 0xff_ffff;
      if (length < MIN_MESSAGE || length > MAX_MESSAGE) throw new MalformedError("impossible length");
      if (collected >= MESSAGE_HEADER + length) {
        return at === 0 ? payload(bytes, length) : joined(bytes, length);
      }
    }
    if (end > bytes.length) return "need_more";
    at = end;
  }
}

/** How many bytes the record at `at` holds. */
function recordLength(bytes: Uint8Array, at: number): number | "need_more" | "not_tls" {
  const isRecord = (bytes[at] ?? HANDSHAKE) === HANDSHAKE &&
    (bytes[at + 1] ?? MAJOR_VERSION) === MAJOR_VERSION;
  if (!isRecord) {
    if (at === 0) return "not_tls";
    throw new MalformedError("no handshake record follows");
  }
  const high = bytes[at + 3];
  if (high === undefined) return "need_more";
  const low = bytes[at + 4];
  const length = high * 256 + (low ?? 0);
  if (length > MAX_RECORD) throw new MalformedError(`record of more than ${MAX_RECORD} bytes`);
  if (low === undefined) return "need_more";
  if (length === 0) throw new MalformedError("empty record");
  return length;
}

/** The bytes that follow the header of the message in the first record. */
function payload(bytes: Uint8Array, length: number): Uint8Array {
  const start = RECORD_HEADER + MESSAGE_HEADER;
  return bytes.subarray(start, start + length);
}

/** The bytes that follow the header of the message in all records. */
function joined(bytes: Uint8Array, length: number): Uint8Array {
  const message = new Uint8Array(MESSAGE_HEADER + length);
  let at = 0;
  for (let filled = 0; filled < message.length;) {
    const start = at + RECORD_HEADER;
    const record = bytes[at + 3]! * 256 + bytes[at + 4]!;
    const piece = bytes.subarray(start, start + Math.min(record, message.length - filled));
    message.set(piece, filled);
    filled += piece.length;
    at = start + record;
  }
  return message.subarray(MESSAGE_HEADER);
}
