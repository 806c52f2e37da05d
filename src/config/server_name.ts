/** Names of servers as a TLS client sends them (SNI, RFC 6066 section 3), and patterns of them. */

import { domainToASCII } from "node:url";
import { isIpAddress } from "./address_text.ts";

/** The longest host name there can be, in characters (RFC 1035 section 3.1, less the dot of the root). */
const MAX_NAME = 253;

const LABEL = "[A-Za-z0-9_-]{1,63}";
const NAME = `(\\*\\.)?${LABEL}(\\.${LABEL})*`;

/** What `parseServerName` accepts, length and addresses aside, as a regular expression for a JSON Schema. */
export const SERVER_NAME_PATTERN = `^${NAME}\\.?$`;

/**
 * Parses a host name, or `*.` and a host name, which stands for names with one label in front of it. Gives it in
 * lower case and without a dot at its end.
 *
 * @throws {SyntaxError} when it is neither; the message says how to write what was probably meant.
 */
export function parseServerName(text: string): string {
  const name = text.toLowerCase().replace(/\.$/, "");
  if (isServerName(name)) return name;
  throw new SyntaxError(`Cannot use "${text}" as a server name: ${reasonFor(name)}`);
}

function isServerName(name: string): boolean {
  return name.length <= MAX_NAME && new RegExp(`^${NAME}$`).test(name) && !isIpAddress(name);
}

function reasonFor(name: string): string {
  if (name === "*") return "leave sni out to take every client";
  if (isIpAddress(name.replace(/^\[(.*)\]$/, "$1"))) return "clients do not send IP addresses as names";
  const withoutPort = name.replace(/:\d+$/, "");
  if (withoutPort !== name && isServerName(withoutPort)) return `a name has no port, write "${withoutPort}"`;
  // Clients send the ASCII form of a name (RFC 5890 section 2.3.2.1).
  const ascii = /^\p{ASCII}*$/u.test(name) ? "" : domainToASCII(name);
  if (isServerName(ascii)) return `clients send its ASCII form, write "${ascii}"`;
  if (name.replace(/^\*\./, "").includes("*")) return 'a "*" can only be the whole first label';
  if (name.length > MAX_NAME) return `expected at most ${MAX_NAME} characters, got ${name.length}`;
  return "expected a name such as shop.example.com or *.example.com";
}
