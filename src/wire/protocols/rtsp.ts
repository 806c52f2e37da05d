/** RTSP: the request line (RFC 7826 section 20.2.1). */

import { ascii, type Protocol } from "./look.ts";
import { lookForRequest } from "./request_line.ts";

const VERSION = ascii("RTSP/");

export const rtsp: Protocol = {
  begins: "the first line of an RTSP request",
  look: (bytes) => lookForRequest(bytes, VERSION),
};
