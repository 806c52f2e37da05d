/** SOCKS 4 and 4a: a request, with the name of the user up to a NUL. */

import { ANY, type Look, lookAtEach, type Protocol } from "./look.ts";

const CONNECT_OR_BIND = [1, 2];
/** Where the name of the user begins. */
const NAME = 8;
const MAX_NAME = 255;

export const socks4: Protocol = {
  begins: "a SOCKS 4 or 4a request",
  look(bytes): Look {
    const seen = lookAtEach(bytes, [4, CONNECT_OR_BIND, ANY, ANY, ANY, ANY, ANY, ANY]);
    if (seen !== "match") return seen;
    // Port 0 is none.
    if (bytes[2] === 0 && bytes[3] === 0) return "no";
    const name = bytes.subarray(NAME, NAME + MAX_NAME + 1);
    const end = name.indexOf(0);
    if (name.subarray(0, end === -1 ? undefined : end).some((byte) => byte < 0x20)) return "no";
    if (end !== -1) return "match";
    return name.length > MAX_NAME ? "no" : "need_more";
  },
};
