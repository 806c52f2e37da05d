/** LDAP: a message with a bind, a search, or an extended request such as StartTLS (RFC 4511 section 4.1.1). */

import type { Look, Protocol } from "./look.ts";

const SEQUENCE = 0x30;
const INTEGER = 2;
const BIND = 0x60;
const SEARCH = 0x63;
const EXTENDED = 0x77;
/** BER: lengths from here on say how many bytes they take. */
const LONG = 0x80;
const MAX_BYTES = 4;

export const ldap: Protocol = {
  begins: "an LDAP bind, search or extended request",
  look(bytes): Look {
    if (bytes.length > 0 && bytes[0] !== SEQUENCE) return "no";
    const length = bytes[1];
    if (length === undefined) return "need_more";
    if (length === LONG || length > LONG + MAX_BYTES) return "no";
    // Behind the length: the number of the message, and the kind of the request.
    const number = length < LONG ? 2 : 2 + length - LONG;
    if (number < bytes.length && bytes[number] !== INTEGER) return "no";
    const size = bytes[number + 1];
    if (size === undefined) return "need_more";
    if (size === 0 || size > MAX_BYTES) return "no";
    const kind = bytes[number + 2 + size];
    if (kind === undefined) return "need_more";
    return kind === BIND || kind === SEARCH || kind === EXTENDED ? "match" : "no";
  },
};
