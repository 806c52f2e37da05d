/** TLS: the record header of a ClientHello (RFC 8446 section 5.1). */

import { ANY, lookAtEach, type Protocol } from "./look.ts";

const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
/** Records have at most 2^14 bytes, so the first byte of their length is at most 64. */
const MAX_LENGTH_BYTE = 64;

export const tls: Protocol = {
  begins: "a TLS ClientHello, of TLS 1.0 to 1.3",
  look: (bytes) =>
    lookAtEach(bytes, [
      HANDSHAKE,
      3,
      (minor) => minor <= 4,
      (high) => high <= MAX_LENGTH_BYTE,
      ANY,
      CLIENT_HELLO,
    ]),
};
