/** MQTT: a CONNECT packet (MQTT 5.0 and 3.1.1, section 3.1; MQTT 3.1 calls the protocol MQIsdp). */

import { ascii, type Look, lookForAny, type Protocol } from "./look.ts";

const CONNECT = 0x10;
/** The length takes up to four bytes; all but the last have this bit. */
const MORE = 0x80;
const MAX_LENGTH_BYTES = 4;
/** The name, and the level of the protocol, to which bridges add a bit. */
const NAMES = ["\0\x04MQTT\x04", "\0\x04MQTT\x05", "\0\x04MQTT\x84", "\0\x06MQIsdp\x03", "\0\x06MQIsdp\x83"]
  .map(ascii);

export const mqtt: Protocol = {
  begins: "an MQTT CONNECT packet, of version 3.1, 3.1.1 or 5",
  look(bytes): Look {
    if (bytes.length > 0 && bytes[0] !== CONNECT) return "no";
    let at = 1;
    while (at < bytes.length && (bytes[at]! & MORE) !== 0) at++;
    if (at > MAX_LENGTH_BYTES) return "no";
    return at >= bytes.length ? "need_more" : lookForAny(bytes.subarray(at + 1), NAMES);
  },
};
