/** AMQP 0-9-1, 0-10 and 1.0: the protocol header (AMQP 1.0, section 2.2; AMQP 0-9-1, section 4.2.2). */

import { ascii, lookFor, type Protocol } from "./look.ts";

const HEADER = ascii("AMQP");

export const amqp: Protocol = {
  begins: "`AMQP`",
  look: (bytes) => lookFor(bytes, HEADER),
};
