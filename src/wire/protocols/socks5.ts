/** SOCKS 5: the authentication methods that a client offers (RFC 1928 section 3). */

import type { Look, Protocol } from "./look.ts";

const VERSION = 5;
/** Methods up to this one are assigned; those from the other on are for private use. */
const LAST_ASSIGNED = 9;
const FIRST_PRIVATE = 0x80;
const NO_METHOD = 0xff;

export const socks5: Protocol = {
  begins: "the greeting of a SOCKS 5 client",
  look(bytes): Look {
    if (bytes.length > 0 && bytes[0] !== VERSION || bytes.length > 1 && bytes[1] === 0) return "no";
    if (bytes.length < 2) return "need_more";
    const count = bytes[1]!;
    const methods = bytes.subarray(2, 2 + count);
    if (!methods.every(isMethod) || new Set(methods).size < methods.length) return "no";
    return methods.length === count ? "match" : "need_more";
  },
};

function isMethod(method: number): boolean {
  return method <= LAST_ASSIGNED || method >= FIRST_PRIVATE && method !== NO_METHOD;
}
