/** HTTP/2 without TLS, by prior knowledge: the preface (RFC 9113 section 3.4). */

import { ascii, lookFor, type Protocol } from "./look.ts";

const PREFACE = ascii("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

export const http2: Protocol = {
  begins: "the preface of HTTP/2, as gRPC without TLS does",
  look: (bytes) => lookFor(bytes, PREFACE),
};
