/** What a route can ask of a TLS ClientHello, as zod schemas. */

import { type Scalars, scalars, Unexpected } from "../values/scalar.ts";
import { parseServerName, SERVER_NAME_PATTERN } from "../values/server_name.ts";

/** The longest protocol name, in bytes: its length is sent in one (RFC 7301 section 3.1). */
const MAX_PROTOCOL = 255;

/** A server name, a pattern of them, or a list of these. */
export function serverNames() {
  return scalars<string, string>({
    expected: 'a name such as "shop.example.com" or "*.example.com"',
    each: "name",
    parse: (value) => {
      if (typeof value !== "string") throw new Unexpected();
      return [parseServerName(value)];
    },
    json: [{ type: "string", pattern: SERVER_NAME_PATTERN }],
  });
}

const PROTOCOLS: Scalars<string> = {
  expected: `a protocol such as "h2" or "http/1.1", 1 to ${MAX_PROTOCOL} bytes`,
  parse: (value) => {
    if (typeof value !== "string") throw new Unexpected();
    const { length } = new TextEncoder().encode(value);
    if (length < 1 || length > MAX_PROTOCOL) throw new Unexpected();
    if (value === "*") throw new SyntaxError('Cannot use "*" as a protocol: leave alpn out for any');
    if (/[,\s]/.test(value)) {
      throw new SyntaxError(
        `Cannot use "${value}" as a protocol: several are written as a list, [h2, http/1.1]`,
      );
    }
    return [value];
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
