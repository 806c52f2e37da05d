/**
 * RDP: an X.224 connection request ([MS-RDPBCGR] section 2.2.1.1). Other protocols over TPKT (RFC 2126) begin with one
 * too, such as S7 of PLCs; behind its fixed part they have parameters, and RDP a cookie, a token or a negotiation
 * request.
 */

import { ANY, ascii, type Look, lookAtEach, lookForAny, type Protocol } from "./look.ts";

/** Bytes of the TPKT header, and of it with the fixed part of the request. */
const TPKT = 4;
const FIXED = 11;
const CONNECTION_REQUEST = 0xe0;
const NEGOTIATION = Uint8Array.of(1);
const BEGINNINGS = [ascii("Cookie: msts"), ascii("tsv:"), NEGOTIATION];

export const rdp: Protocol = {
  begins: "an RDP connection request",
  look(bytes): Look {
    const seen = lookAtEach(bytes, [3, 0, ANY, ANY, ANY, CONNECTION_REQUEST, 0, 0, ANY, ANY, 0]);
    if (seen === "no" || bytes.length <= TPKT) return seen;
    const length = bytes[2]! * 256 + bytes[3]!;
    // The second length is that of what follows it.
    if (bytes[TPKT] !== length - TPKT - 1) return "no";
    if (seen === "need_more") return seen;
    return length === FIXED ? "match" : lookForAny(bytes.subarray(FIXED), BEGINNINGS);
  },
};
