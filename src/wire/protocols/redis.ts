/** Redis: a command as clients send it, an array of strings (RESP, "Sending commands to a Redis server"). */

import type { Look, Protocol } from "./look.ts";

const [CR, LF, STAR, DOLLAR, ZERO, NINE] = [0x0d, 0x0a, 0x2a, 0x24, 0x30, 0x39];
/** Servers accept at most 1,048,576 strings. */
const MAX_DIGITS = 7;

export const redis: Protocol = {
  begins: "a Redis command as libraries send it, such as `*1\\r\\n$4\\r\\nPING`; not one typed by hand",
  look(bytes): Look {
    if (bytes.length > 0 && bytes[0] !== STAR) return "no";
    let at = 1;
    while (at < bytes.length && bytes[at]! >= ZERO && bytes[at]! <= NINE) at++;
    if (at > 1 + MAX_DIGITS) return "no";
    if (at >= bytes.length) return "need_more";
    if (at === 1 || bytes[1] === ZERO) return "no";
    for (const [index, expected] of [CR, LF, DOLLAR].entries()) {
      const byte = bytes[at + index];
      if (byte === undefined) return "need_more";
      if (byte !== expected) return "no";
    }
    return "match";
  },
};
