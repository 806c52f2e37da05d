/**
 * PostgreSQL: a startup packet, or a request for TLS, for GSSAPI encryption or to cancel (protocol 3, "Message
 * Formats").
 */

import type { Look, Protocol } from "./look.ts";

/** Bytes of the length, which counts itself, and of the code. */
const HEADER = 8;
const CANCEL = 0x04d2_162e;
const SSL = 0x04d2_162f;
const GSS = 0x04d2_1630;
/** Servers accept no longer startup packet. */
const MAX_STARTUP = 10_000;
/** A process number and a key of at most 256 bytes. */
const MAX_CANCEL = HEADER + 4 + 256;

export const postgres: Protocol = {
  begins: "a PostgreSQL startup packet, SSLRequest, GSSENCRequest or CancelRequest",
  look(bytes): Look {
    // The first two bytes of every length, and of every code.
    if (bytes.length > 0 && bytes[0] !== 0 || bytes.length > 1 && bytes[1] !== 0) return "no";
    if (bytes.length > 4 && bytes[4] !== 0 && bytes[4] !== 0x04) return "no";
    if (bytes.length < HEADER) return "need_more";
    const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER);
    return isFirst(view.getUint32(0), view.getUint32(4)) ? "match" : "no";
  },
};

function isFirst(length: number, code: number): boolean {
  if (code === SSL || code === GSS) return length === HEADER;
  if (code === CANCEL) return length >= HEADER + 8 && length <= MAX_CANCEL;
  return code >>> 16 === 3 && length > HEADER && length <= MAX_STARTUP;
}
