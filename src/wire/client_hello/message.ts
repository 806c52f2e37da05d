/** Takes the first handshake message out of TLS records (RFC 8446 sections 4 and 5.1, RFC 5246 section 6.2.1). */

import { MalformedError } from "../byte_reader.ts";

const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
/** What SSL 3 and all versions of TLS have in front of a minor version, which says nothing here. */
const MAJOR_VERSION = 3;
/** Type, version, length: in bytes. */
const RECORD_HEADER = 5;
const MAX_RECORD = 1 << 14;
/** Type, length: in bytes. */
const MESSAGE_HEADER = 4;
/** The sizes of the smallest ClientHello and of the largest that its length fields allow, in bytes. */
const MIN_MESSAGE = 2 + 32 + 1 + 2 + 2 + 1 + 1;
const MAX_MESSAGE = 2 + 32 + 1 + 32 + 2 + 65_534 + 1 + 255 + 2 + 65_535;

/**
 * The ClientHello that `bytes` begin with, without its header: a view when it is in one record, else a copy.
 *
 * @throws {MalformedError} when it begins like a ClientHello and is none.
 */
export function clientHelloMessage(bytes: Uint8Array): Uint8Array | "need_more" | "not_tls" {
  /** The header of the message, as far as it is there, as one number. */
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

/** What follows the header of the message in the first record. */
function payload(bytes: Uint8Array, length: number): Uint8Array {
  const start = RECORD_HEADER + MESSAGE_HEADER;
  return bytes.subarray(start, start + length);
}

/** What follows the header of the message in all records. */
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
