/** STUN and TURN over TCP: a request with the magic cookie (RFC 8489 section 5). */

import { ANY, lookAtEach, type Protocol } from "./look.ts";

/** Of a request: Binding, or Allocate of TURN. */
const METHODS = [1, 3];
/** Lengths are multiples of four. */
const PADDED = (byte: number) => byte % 4 === 0;

export const stun: Protocol = {
  begins: "a STUN Binding or TURN Allocate request",
  look: (bytes) => lookAtEach(bytes, [0, METHODS, ANY, PADDED, 0x21, 0x12, 0xa4, 0x42]),
};
