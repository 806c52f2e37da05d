/** Names of servers as a TLS client sends them (SNI, RFC 6066 section 3), and patterns of them. */

import { domainToASCII } from "node:url";
import { isIpAddress } from "./address_text.ts";

/** The longest host name there can be, in characters (RFC 1035 section 3.1, less the dot of the root). */
const MAX_NAME = 253;

/** Stands for every name in `allow_names`. */
export const EVERY_NAME = "*";

const LABEL = "[A-Za-z0-9_-]{1,63}";
const NAME = `${LABEL}(\\.${LABEL})*`;
const WILDCARD = "\\*{1,2}\\.";

/** What `parseHostName` accepts, length and addresses aside, as a regular expression for a JSON Schema. */
export const HOST_NAME_PATTERN = `^${NAME}\\.?$`;

/** What `parseServerName` accepts, length and addresses aside, as a regular expression for a JSON Schema. */
export const SERVER_NAME_PATTERN = `^(${WILDCARD})?${NAME}\\.?$`;

/**
 * Parses a host name, or `*.` and a host name, which matches names with one more label in front, or `**.` and a host
 * name, for one or more. Returns it in lower case and without a trailing dot.
 *
 * @throws {SyntaxError} when it is neither; the message says how to write what was probably meant.
 */
export function parseServerName(text: string): string {
  const name = text.toLowerCase().replace(/\.$/, "");
  if (isServerName(name)) return name;
  throw new SyntaxError(`Cannot use "${text}" as a server name: ${reasonFor(name)}`);
}

/**
 * Parses a host name. Returns it in lower case and without a trailing dot.
 *
 * @throws {SyntaxError} when it is none; the message says how to write what was probably meant.
 */
export function parseHostName(text: string): string {
  const name = text.toLowerCase().replace(/\.$/, "");
  if (isHostName(name)) return name;
  throw new SyntaxError(`Cannot use "${text}" as a host name: ${hostReasonFor(name)}`);
}

function isServerName(name: string): boolean {
  return withoutWildcard(name).length <= MAX_NAME && new RegExp(`^(${WILDCARD})?${NAME}$`).test(name) &&
    !isIpAddress(name);
}

/** A pattern without its wildcard. */
function withoutWildcard(name: string): string {
  return name.replace(new RegExp(`^${WILDCARD}`), "");
}

function isHostName(name: string): boolean {
  return !name.startsWith("*") && isServerName(name);
}

function hostReasonFor(name: string): string {
  const withoutPort = name.replace(/:\d+$/, "");
  if (withoutPort !== name && isHostName(withoutPort)) return `a name has no port, write "${withoutPort}"`;
  if (name.includes("*")) return 'it must be a whole name, without "*"';
  const ascii = asciiFormOf(name);
  return ascii === undefined ? "expected a name such as db.internal" : `write its ASCII form, "${ascii}"`;
}

/** Names are sent in their ASCII form (RFC 5890 section 2.3.2.1). Undefined for what is ASCII already, or no name. */
function asciiFormOf(name: string): string | undefined {
  const ascii = /^\p{ASCII}*$/u.test(name) ? "" : domainToASCII(name);
  return isServerName(ascii) ? ascii : undefined;
}

function reasonFor(name: string): string {
  if (name === "*") return "leave sni out to take every client";
  if (name.includes(",")) return "several names are written as a list, [a.example.com, b.example.com]";
  if (isIpAddress(name.replace(/^\[(.*)\]$/, "$1"))) return "clients do not send IP addresses as names";
  const withoutPort = name.replace(/:\d+$/, "");
  if (withoutPort !== name && isServerName(withoutPort)) return `a name has no port, write "${withoutPort}"`;
  const ascii = asciiFormOf(name);
  if (ascii !== undefined) return `clients send its ASCII form, write "${ascii}"`;
  const rest = withoutWildcard(name);
  if (rest.includes("*")) return 'a "*" can only be the whole first label';
  if (rest.length > MAX_NAME) return `expected at most ${MAX_NAME} characters, got ${rest.length}`;
  return "expected a name such as shop.example.com or *.example.com";
}
