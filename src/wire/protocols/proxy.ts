/** PROXY protocol headers of both versions (proxy-protocol.txt, sections 2.1 and 2.2). */

import { ascii, lookForAny, type Protocol } from "./look.ts";

const BEGINNINGS = [ascii("PROXY "), ascii("\r\n\r\n\0\r\nQUIT\n")];

export const proxy: Protocol = {
  begins: "a PROXY protocol header, of version 1 or 2",
  look: (bytes) => lookForAny(bytes, BEGINNINGS),
};
