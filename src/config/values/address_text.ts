/** Addresses that only a configuration has: the name of a group, or a name without a port. */

import {
  type Address,
  checkHost,
  CLIENT_SERVER_NAME,
  formatAddress,
  parseUpstreamAddress,
  type TcpAddress,
} from "../../net/address.ts";
import { parseCidr } from "../../wire/ip/cidr.ts";
import { parsePortRange, parseUpstreamRange } from "./port_range.ts";

/** The name of a group: no colon, so that it cannot be an address, and not a number. */
export const GROUP_NAME_PATTERN = "^[A-Za-z][A-Za-z0-9_.-]{0,63}$";

export function isGroupName(text: unknown): text is string {
  return typeof text === "string" && new RegExp(GROUP_NAME_PATTERN).test(text);
}

/** The entry for all peers on unix sockets in a list of addresses. */
export const UNIX_PEERS = "unix";

/** A name without a port. */
const BARE_NAME = /^(?=.*[a-z])[^:[\]\s/]+$/i;

/** The port of DNS. */
const NAME_SERVER_PORT = 53;

/** An upstream that is a single word. */
export type UpstreamWord =
  | { readonly kind: "address"; readonly address: Address }
  | { readonly kind: "name"; readonly name: string };

/**
 * Parses where a service or route connects to: an address, which may have a range of ports, or `{sni}:443`.
 *
 * @throws {SyntaxError} when it is neither.
 */
export function parseLoneUpstream(text: string): Address {
  const [, port] = /^\{sni\}(?::(.*))?$/i.exec(text) ?? [];
  if (port === undefined) {
    if (!/^\{sni\}$/i.test(text)) return parseUpstreamRange(text);
    throw new SyntaxError(`Cannot parse address "${text}": the port is missing, write "{sni}:443"`);
  }
  const { first, last } = parsePortRange(port);
  if (first === last) return { transport: "tcp", hostname: CLIENT_SERVER_NAME, port: first };
  throw new SyntaxError(`Cannot parse address "${text}": the server name of a client goes with one port`);
}

/**
 * Parses what {@linkcode parseLoneUpstream} does, or the name of a group.
 *
 * @throws {SyntaxError} when it is neither.
 */
export function parseUpstreamWord(text: string): UpstreamWord {
  if (isGroupName(text)) return { kind: "name", name: text };
  return { kind: "address", address: parseLoneUpstream(text) };
}

/**
 * Parses an address or, with port 0, a name whose SRV records have the ports.
 *
 * @throws {SyntaxError} when it is neither.
 */
export function parseEndpointAddress(text: string): Address {
  if (BARE_NAME.test(text)) {
    checkHost(text);
    return { transport: "tcp", hostname: text, port: 0 };
  }
  return parseUpstreamAddress(text);
}

/**
 * Formats an address so that {@linkcode parseEndpointAddress} gives it back. SRV records bring the port where it is 0.
 */
export function formatEndpointAddress(address: Address): string {
  return address.transport === "tcp" && address.port === 0 ? address.hostname : formatAddress(address);
}

/**
 * Parses an IP address with a port or, for port 53, without one. IPv6 may then do without brackets.
 *
 * @throws {SyntaxError} when it is neither.
 */
export function parseNameServer(text: string): TcpAddress {
  const hostname = /^\[(.*)\]$/.exec(text)?.[1] ?? text;
  // A zone of other characters could not be read back with a port behind it.
  if (isIpAddress(hostname) && /^[\d.:a-f]*(%[\w.-]+)?$/i.test(hostname)) {
    return { transport: "tcp", hostname, port: NAME_SERVER_PORT };
  }
  const address = /:\d+$/.test(text) ? parseUpstreamAddress(text) : undefined;
  if (address?.transport === "tcp" && isIpAddress(address.hostname)) return address;
  throw new SyntaxError(
    `Cannot use "${text}" as a name server: expected an IP address such as "10.0.0.2:53"`,
  );
}

/** Whether the text is an IP address, not a name. */
export function isIpAddress(text: string): boolean {
  try {
    parseCidr(text);
    return !text.includes("/");
  } catch {
    return false;
  }
}
