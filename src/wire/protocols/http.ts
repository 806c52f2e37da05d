/** HTTP/1: the request line (RFC 9112 section 3). */

import { ascii, type Protocol } from "./look.ts";
import { lookForRequest } from "./request_line.ts";

const VERSION = ascii("HTTP/1.");

export const http: Protocol = {
  begins: "the first line of an HTTP/1 request, such as `GET / HTTP/1.1`",
  look: (bytes) => lookForRequest(bytes, VERSION),
};
