/**
 * Addresses as people write them: `host:port`, `[v6]:port`, `unix:/path`, and for listeners also `port`
 * (127.0.0.1) and `:port` (all addresses).
 */

import { formatIp, IP_WORDS, readIpAddress } from "../wire/ip/ip_address.ts";
import {
  faultOfAddress,
  faultOfHost,
  faultOfHostAndPort,
  faultOfUnixPath,
  faultOfUrl,
  isUrl,
} from "./address_faults.ts";

/**
 * A TCP endpoint. `hostname` is an IP literal without brackets, a name, or {@linkcode CLIENT_SERVER_NAME}; `port` is
 * 0–65535.
 */
export interface TcpAddress {
  readonly transport: "tcp";
  readonly hostname: string;
  readonly port: number;
  /** Of an upstream that is a range of ports, which begins with `port`. */
  readonly lastPort?: number;
}

/** A unix socket. `path` is a file path, or `@` and the name of an abstract socket, which Linux has. */
export interface UnixAddress {
  readonly transport: "unix";
  readonly path: string;
}

export type Address = TcpAddress | UnixAddress;

/**
 * A socket that a service manager holds and passes to the program: the one with this name, or the n-th one with `:n`
 * after it. `bound` is its address once it is known, which that of a unix socket never is.
 */
export interface ActivatedAddress {
  readonly transport: "systemd";
  readonly name: string;
  readonly bound?: TcpAddress;
}

/** Where a service listens. */
export type ListenAddress = Address | ActivatedAddress;

/** The host of an upstream whose clients choose it, each by the server name that it asks for (SNI). */
export const CLIENT_SERVER_NAME = "{sni}";

/** Replaces the leading NUL byte in names of abstract sockets, as in `ss` and systemd. */
const ABSTRACT = "@";

/** All addresses, IPv4 and IPv6 alike: a listener on `::` is dual-stack in Deno. */
const ALL_ADDRESSES = "::";
const ALL_IPV4 = "0.0.0.0";
const IPV4 = /^\d+\.\d+\.\d+\.\d+$/;

/**
 * Parses where a service listens: `host:port`, `[v6]:port`, `port`, `:port`, `unix:/path`. Port 0 asks the
 * kernel for a free one.
 *
 * @throws {SyntaxError} when the text is none of these; the message says what was expected.
 */
export function parseListenAddress(text: string): Address {
  if (/^\d+$/.test(text)) return { transport: "tcp", hostname: "127.0.0.1", port: parsePort(text, text) };
  if (/^:\d+$/.test(text)) {
    return { transport: "tcp", hostname: ALL_ADDRESSES, port: parsePort(text.slice(1), text) };
  }
  return parseAddress(text);
}

/**
 * Parses an upstream: `host:port`, `[v6]:port` or `unix:/path`; with `barePort`, also `port` on 127.0.0.1.
 *
 * @throws {SyntaxError} when the text is none of these, or the port is 0.
 */
export function parseUpstreamAddress(text: string, options: { barePort?: boolean } = {}): Address {
  const address = options.barePort === true && /^\d+$/.test(text)
    ? parseListenAddress(text)
    : parseAddress(text);
  if (address.transport === "tcp" && address.port === 0) {
    throw new SyntaxError(`Cannot connect to port 0 in "${text}": expected 1-65535`);
  }
  return address;
}

/** Names that systemd gives descriptors (sd_listen_fds_with_names(3)), without spaces, and which one of that name. */
const ACTIVATED = /^systemd:([!-9;-~]{1,255}(?::[1-9]\d{0,3})?)$/;

/**
 * Parses where a service listens: what {@linkcode parseListenAddress} takes, or `systemd:name`.
 *
 * @throws {SyntaxError} when the text is none of these.
 */
export function parseServiceAddress(text: string): ListenAddress {
  if (!text.startsWith("systemd:")) return parseListenAddress(text);
  const [, name] = ACTIVATED.exec(text) ?? [];
  if (name !== undefined) return { transport: "systemd", name };
  throw new SyntaxError(
    `Cannot use "${text}": expected the name of a socket (FileDescriptorName=), such as "systemd:web", or ` +
      '"systemd:web:2" for the second of that name',
  );
}

/** @throws {SyntaxError} when no host can have that name. */
export function checkHost(host: string): void {
  const fault = faultOfHost(host);
  if (fault !== undefined) throw new SyntaxError(`Cannot use "${host}" as a host: ${fault}`);
}

/** Whether a unix socket has a name instead of a file (unix(7)). */
export function isAbstract({ path }: UnixAddress): boolean {
  return path.startsWith(ABSTRACT);
}

/** The path in the form that the system uses. */
export function systemPath({ path }: UnixAddress): string {
  return path.startsWith(ABSTRACT) ? `\0${path.slice(ABSTRACT.length)}` : path;
}

/** The address of a socket with this path, given in the form that the system uses. A file "@name" is "./@name". */
export function unixAddress(path: string): UnixAddress {
  if (path.startsWith("\0")) return { transport: "unix", path: `${ABSTRACT}${path.slice(1)}` };
  return { transport: "unix", path: path.startsWith(ABSTRACT) ? `./${path}` : path };
}

/** Formats an address the way it is written in a configuration. */
export function formatAddress(address: ListenAddress): string {
  if (address.transport === "systemd") {
    return address.bound === undefined ? `systemd:${address.name}` : formatAddress(address.bound);
  }
  if (address.transport === "unix") return `unix:${address.path}`;
  const { hostname, port, lastPort } = address;
  const text = hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
  return lastPort === undefined ? text : `${text}-${lastPort}`;
}

/**
 * The address of a listener that was configured with `asked`. It is `actual`, the address of its socket, which has the
 * real port and, for a host name, its address. A link-local address keeps the zone of `asked`: the socket's address
 * lacks it, and cannot be used without it.
 */
export function boundAddress(asked: TcpAddress, actual: TcpAddress): TcpAddress {
  return asked.hostname.includes("%") ? { ...actual, hostname: asked.hostname } : actual;
}

/** Whether `hostname` is an IP address. No name contains a colon. */
export function isIpLiteral(hostname: string): boolean {
  return hostname.includes(":") || IPV4.test(hostname);
}

/** The address without its port; empty for a unix socket. */
export function hostOf(address: Address): string {
  return address.transport === "tcp" ? address.hostname : "";
}

/** Whether clients choose the host by the server name that they ask for. */
export function isChosenByClient(address: Address): boolean {
  return hostOf(address) === CLIENT_SERVER_NAME;
}

/** A key that equal addresses share: the case of host names does not matter. */
export function addressKey(address: ListenAddress): string {
  const text = formatAddress(address);
  return address.transport === "tcp" ? text.toLowerCase() : text;
}

/**
 * Whether two listeners cannot have these addresses at the same time: they are equal, in any spelling, or one
 * means all addresses of the port. Host names other than localhost are only compared as text.
 */
export function overlaps(one: ListenAddress, other: ListenAddress): boolean {
  return includes(one, other) || includes(other, one);
}

/** Whether a listener on `one` accepts the clients of `other`: it is equal, in any spelling, or means all of the port. */
export function includes(one: ListenAddress, other: ListenAddress): boolean {
  if (one.transport !== "tcp" || other.transport !== "tcp") return addressKey(one) === addressKey(other);
  if (one.port !== other.port || one.port === 0) return false;
  const [a, b] = [hostKey(one.hostname), hostKey(other.hostname)];
  return a === b || covers(a, b);
}

/**
 * The canonical spelling of a host. `localhost` becomes the address that listeners bind for it (RFC 6761
 * section 6.3).
 */
export function hostKey(hostname: string): string {
  const name = hostname.toLowerCase();
  if (name === "localhost") return "127.0.0.1";
  const words = new Uint32Array(IP_WORDS);
  if (!readIpAddress(name, words)) return name;
  const percent = name.indexOf("%");
  return percent < 0 ? formatIp(words) : `${formatIp(words)}${name.slice(percent)}`;
}

/** A listener on `::` accepts IPv4 clients too. */
function covers(all: string, host: string): boolean {
  if (all === ALL_ADDRESSES) return host.includes(":") || IPV4.test(host);
  return all === ALL_IPV4 && IPV4.test(host);
}

function parseAddress(text: string): Address {
  if (text.startsWith("unix:")) return parseUnixPath(text);
  const match = /^(?:\[([0-9a-fA-F:.]+(?:%[\w.-]+)?)\]|([^:[\]\s/]+)):(\d+)$/.exec(text);
  if (match === null) {
    throw new SyntaxError(
      isUrl(text) ? faultOfUrl(text) : `Cannot parse address "${text}": ${faultOfAddress(text)}`,
    );
  }
  const [, v6, host, port] = match;
  const fault = host === undefined ? undefined : faultOfHostAndPort(host, port!);
  if (fault !== undefined) throw new SyntaxError(`Cannot parse address "${text}": ${fault}`);
  return { transport: "tcp", hostname: (v6 ?? host)!, port: parsePort(port!, text) };
}

function parseUnixPath(text: string): UnixAddress {
  const path = text.slice("unix:".length);
  if (path === "") throw new SyntaxError(`Cannot parse address "${text}": the path after "unix:" is missing`);
  const fault = faultOfUnixPath(path);
  if (fault !== undefined) throw new SyntaxError(`Cannot use "${text}": ${fault}`);
  return { transport: "unix", path };
}

function parsePort(digits: string, text: string): number {
  const port = Number(digits);
  if (port > 65535) throw new SyntaxError(`Cannot parse port "${digits}" in "${text}": expected 0-65535`);
  return port;
}
