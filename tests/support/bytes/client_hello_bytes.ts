/** ClientHellos as bytes: built field by field, and divided into TLS records in any way. */

/** The fields of a hello; omitted ones are those of most clients. */
export interface HelloFields {
  readonly legacyVersion?: number;
  readonly sessionId?: Uint8Array;
  readonly ciphers?: Uint8Array;
  readonly compression?: Uint8Array;
  /** Type and data, in their order; `null` for a hello that has no field for them. */
  readonly extensions?: readonly (readonly [type: number, data: Uint8Array])[] | null;
  /** After all fields. */
  readonly rest?: Uint8Array;
}

const HANDSHAKE = 22;
const CLIENT_HELLO = 1;

/** The handshake message, without records. */
export function helloMessage(fields: HelloFields): Uint8Array {
  const { extensions = [] } = fields;
  const body = concat(
    number(fields.legacyVersion ?? 0x0303, 2),
    Uint8Array.from({ length: 32 }, (_, index) => index),
    vector(1, fields.sessionId ?? new Uint8Array(32)),
    vector(2, fields.ciphers ?? Uint8Array.of(0x13, 0x01)),
    vector(1, fields.compression ?? Uint8Array.of(0)),
    extensions === null
      ? new Uint8Array(0)
      : vector(2, concat(...extensions.map(([type, data]) => concat(number(type, 2), vector(2, data))))),
    fields.rest ?? new Uint8Array(0),
  );
  return concat(number(CLIENT_HELLO, 1), vector(3, body));
}

/** A message in records, each with the next of `sizes` bytes; the last size is that of all further ones. */
export function inRecords(message: Uint8Array, sizes: readonly number[]): Uint8Array {
  const records: Uint8Array[] = [];
  for (let at = 0; at < message.length;) {
    const size = sizes[Math.min(records.length, sizes.length - 1)]!;
    records.push(concat(number(HANDSHAKE, 1), number(0x0301, 2), vector(2, message.subarray(at, at + size))));
    at += size;
  }
  return concat(...records);
}

/** The content of records, without their headers. */
export function withoutRecords(bytes: Uint8Array): Uint8Array {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = bytes[at + 3]! * 256 + bytes[at + 4]!;
    pieces.push(bytes.subarray(at + 5, at + 5 + length));
    at += 5 + length;
  }
  return concat(...pieces);
}

/** Bytes after their own length. */
export function vector(lengthSize: number, bytes: Uint8Array): Uint8Array {
  return concat(number(bytes.length, lengthSize), bytes);
}

export function number(value: number, size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, index) => value >>> 8 * (size - 1 - index));
}

export function concat(...pieces: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(pieces.flatMap((piece) => [...piece]));
}

/** A byte per character. */
export function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
