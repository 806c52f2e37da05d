/** DNS over TCP: a query behind its length (RFC 1035 sections 4.1.1 and 4.2.2). */

import { ANY, type Look, lookAtEach, type Protocol } from "./look.ts";

/** Bytes of the length, and of the header of a message. */
const LENGTH = 2;
const HEADER = 12;
/** With the shortest question: the root's. */
const SHORTEST = HEADER + 5;

/** Not an answer, not cut short, and of the kinds query, notify or update. */
const FLAGS = (byte: number) => (byte & 0x86) === 0 && [0, 4, 5].includes(byte >>> 3 & 15);
const ANSWER_FLAGS = (byte: number) => (byte & 0x8f) === 0;
const FEW = [0, 1, 2, 3];
const LABEL = (byte: number) => byte < 64;

export const dns: Protocol = {
  begins: "a DNS query over TCP",
  look(bytes): Look {
    // The length, the number, flags, one question, no answer unless it is an update, and the first label of the name.
    const seen = lookAtEach(
      bytes,
      [ANY, ANY, ANY, ANY, FLAGS, ANSWER_FLAGS, 0, 1, 0, ANY, 0, ANY, 0, FEW, LABEL],
    );
    if (seen === "no" || bytes.length < LENGTH) return seen;
    return bytes[0]! * 256 + bytes[1]! < SHORTEST ? "no" : seen;
  },
};
