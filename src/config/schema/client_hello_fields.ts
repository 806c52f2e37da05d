/** What a route can ask of a TLS ClientHello, as zod schemas. */

import { type Scalars, scalars, textOf, Unexpected } from "../values/scalar.ts";
import { EVERY_NAME, parseServerName, SERVER_NAME_PATTERN } from "../values/server_name.ts";
import { LIST_FILE, type ListEntry, listFile } from "./list_file.ts";

/** The longest protocol name, in bytes: its length is sent in one (RFC 7301 section 3.1). */
const MAX_PROTOCOL = 255;

const SERVER_NAMES = {
  expected: 'a name such as "shop.example.com" or "*.example.com"',
  each: "name",
  parse: (value) => [parseServerName(textOf(value))],
  json: [{ type: "string", pattern: SERVER_NAME_PATTERN }],
} satisfies Scalars<string>;

/** A server name, a pattern of them, or a list of these. */
export function serverNames() {
  return scalars<string, string>(SERVER_NAMES);
}

/** The same, and files with names and patterns. */
export function serverNameList() {
  return scalars<ListEntry, ListEntry>({
    ...SERVER_NAMES,
    mapping: listFile,
    json: [...SERVER_NAMES.json, LIST_FILE],
  });
}

/** Names that clients may be sent to: as {@linkcode serverNameList}, or every name. */
export function allowedNames() {
  return scalars<ListEntry, ListEntry>({
    ...SERVER_NAMES,
    parse: (value) => value === EVERY_NAME ? [value] : SERVER_NAMES.parse(value),
    mapping: listFile,
    json: [...SERVER_NAMES.json, { const: EVERY_NAME }, LIST_FILE],
  });
}

const PROTOCOLS: Scalars<string> = {
  expected: `a protocol such as "h2" or "http/1.1", 1 to ${MAX_PROTOCOL} bytes`,
  parse: (value) => {
    const protocol = textOf(value);
    const { length } = new TextEncoder().encode(protocol);
    if (length < 1 || length > MAX_PROTOCOL) throw new Unexpected();
    if (protocol === "*") throw new SyntaxError('Cannot use "*" as a protocol: leave alpn out for any');
    if (!/[,\s]/.test(protocol)) return [protocol];
    const remedy = "several are written as a list, [h2, http/1.1]";
    throw new SyntaxError(`Cannot use "${protocol}" as a protocol: ${remedy}`);
  },
  json: [{ type: "string", minLength: 1, maxLength: MAX_PROTOCOL }],
};

/** A protocol name of ALPN, or a list of them. */
export function protocols() {
  return scalars<string, string>({ ...PROTOCOLS, each: "protocol" });
}

/** The same, or an empty list. */
export function offeredProtocols() {
  return scalars<string, string>(PROTOCOLS);
}
