/** MongoDB: the header of an OP_MSG or OP_QUERY (MongoDB Wire Protocol, "Standard Message Header"). */

import type { Look, Protocol } from "./look.ts";

/** Bytes of the length, the number, the number of the question that is answered, and the kind. */
const HEADER = 16;
const ANSWERED = 8;
const KIND = 12;
const QUERY = 2004;
const MESSAGE = 2013;
/** The first message of a client is short. */
const MAX_LENGTH = 0xffff;

export const mongodb: Protocol = {
  begins: "a MongoDB message, OP_MSG or OP_QUERY",
  look(bytes): Look {
    for (let at = 2; at < Math.min(bytes.length, HEADER); at++) {
      const mustBeNone = at < 4 || at >= ANSWERED && at < KIND || at >= KIND + 2;
      if (mustBeNone && bytes[at] !== 0) return "no";
    }
    if (bytes.length < HEADER) return "need_more";
    const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER);
    const [length, kind] = [view.getUint32(0, true), view.getUint32(KIND, true)];
    return length > HEADER && length <= MAX_LENGTH && (kind === QUERY || kind === MESSAGE) ? "match" : "no";
  },
};
