/** XMPP: an XML stream, perhaps behind an XML declaration (RFC 6120 section 4.2). */

import { ascii, type Look, lookFor, lookForAny, type Protocol } from "./look.ts";

const DECLARATION = ascii("<?xml ");
const STREAMS = [ascii("<stream:stream "), ascii("<stream:stream\n"), ascii("<stream:stream\r")];
/** No declaration is longer. */
const MAX_DECLARATION = 256;
const [SPACE, TAB, CR, LF, CLOSE, QUESTION] = [0x20, 0x09, 0x0d, 0x0a, 0x3e, 0x3f];

export const xmpp: Protocol = {
  begins: "an XML stream: `<stream:stream`, perhaps behind `<?xml …?>`",
  look(bytes): Look {
    const declared = lookFor(bytes, DECLARATION);
    if (declared === "no") return lookForAny(bytes, STREAMS);
    const end = bytes.subarray(0, MAX_DECLARATION).indexOf(CLOSE);
    if (end === -1) return bytes.length < MAX_DECLARATION ? "need_more" : "no";
    if (bytes[end - 1] !== QUESTION) return "no";
    let at = end + 1;
    while (at < MAX_DECLARATION && isSpace(bytes[at])) at++;
    return at < MAX_DECLARATION ? lookForAny(bytes.subarray(at), STREAMS) : "no";
  },
};

function isSpace(byte: number | undefined): boolean {
  return byte === SPACE || byte === TAB || byte === CR || byte === LF;
}
