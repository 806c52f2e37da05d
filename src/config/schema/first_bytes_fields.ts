/** What a route can ask of the bytes that a client sends first, as zod schemas. */

import { PROTOCOL_NAMES, type ProtocolName } from "../../wire/protocols/registry.ts";
import { anyOf, closestOf } from "../input/closest.ts";
import { checkPayload, formatPayload, parsePayload, PAYLOAD_PATTERN } from "../values/payload.ts";
import { scalars, textOf, Unexpected } from "../values/scalar.ts";

/** What people also call a protocol. */
const SYNONYMS: Readonly<Record<string, ProtocolName>> = {
  https: "tls",
  ssl: "tls",
  sftp: "ssh",
  postgresql: "postgres",
};

/** The name of a protocol that is recognised, or a list of them. */
export function protocolNames() {
  return scalars<ProtocolName, ProtocolName>({
    expected: anyOf(PROTOCOL_NAMES.map((name) => `"${name}"`)),
    each: "protocol",
    parse: (value) => {
      const name = PROTOCOL_NAMES.find((each) => each === value);
      if (name !== undefined) return [name];
      const typed = String(value).toLowerCase();
      const synonym = Object.hasOwn(SYNONYMS, typed) ? SYNONYMS[typed] : undefined;
      throw new Unexpected(undefined, { meant: synonym ?? closestOf(typed, PROTOCOL_NAMES) });
    },
    json: [{ enum: PROTOCOL_NAMES }],
  });
}

/** Bytes, or a list of them. */
export function beginnings() {
  return scalars<string | Uint8Array, Uint8Array>({
    expected: 'text in quotes such as "HELO", or bytes such as "hex:160301"',
    each: "text",
    parse: (value) => [value instanceof Uint8Array ? checkPayload(value) : parsePayload(textOf(value))],
    format: (values) => values.map(formatPayload),
    json: [{ type: "string", pattern: PAYLOAD_PATTERN }],
  });
}
