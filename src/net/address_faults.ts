/** Explains why a text is not an address, and what to type instead. */

import { IP_WORDS, readIpAddress } from "../wire/ip/ip_address.ts";

const FORMS = '"host:port", "[v6]:port" or "unix:/path"';

/**
 * The longest possible host name, in characters (RFC 1035 section 3.1, less the dot of the root), and its
 * parts.
 */
const MAX_NAME = 253;
const MAX_LABEL = 63;

/** The default ports of protocols whose URLs users are likely to paste. */
const PORTS: ReadonlyMap<string, number> = new Map([
  ["amqp", 5672],
  ["http", 80],
  ["https", 443],
  ["mongodb", 27017],
  ["mysql", 3306],
  ["nats", 4222],
  ["postgres", 5432],
  ["postgresql", 5432],
  ["redis", 6379],
  ["rediss", 6379],
  ["smtp", 25],
  ["ssh", 22],
]);

/** A mistake and its message. Only the first one found in a text is reported. */
const MISTAKES: readonly (readonly [pattern: RegExp, explain: (...groups: string[]) => string])[] = [
  [/^\s|\s$/, () => "there is a space before or after it"],
  [/^[^"']*[,\s]+\S+:/, () => "several addresses are written as a list, [db1:5432, db2:5432]"],
  [/^@/, () => 'an abstract socket is written "unix:@name"'],
  [/^unix:/i, () => '"unix:" is written in small letters'],
  [/^(\.{0,2}\/.*)$/, (_, path) => `a unix socket is written with "unix:" before its path, "unix:${path}"`],
  [/^:?(\d+)$/, (_, port) => `the host is missing, write "127.0.0.1:${port}" for this machine`],
  [/^([\w.-]+:\d+):(\d+)$/, (_, listen, port) => twoPorts(listen!, port!)],
  [/^(?=.*::|(?:[^:]*:){3})[\da-f:.]+(?:%.*)?$/i, () => "an IPv6 address is written in brackets, [::1]:5432"],
  [
    /^(\[.*\]|[^:[\]\s/]+):?$/,
    (_, host) => faultOfHost(host!) ?? `the port is missing, write "${host}:5432"`,
  ],
  [/^[^/\s]+:\d+-\d+$/, () => "only the whole upstream of a service or route can be a range of ports"],
  [/^[^:/]+:([^:/\s]*)$/, (_, port) => `"${port}" is no port, expected a number such as 5432`],
  [/:\d+[^\d].*$/, () => `expected ${FORMS}, and nothing after the port`],
];

/** How Docker and ssh would read it. */
function twoPorts(listen: string, port: string): string {
  return `two ports are two keys, "listen: ${listen}" and "upstream: 127.0.0.1:${port}"`;
}

/** Explains why a text is not an address. */
export function faultOfAddress(text: string): string {
  for (const [pattern, explain] of MISTAKES) {
    const found = pattern.exec(text);
    if (found !== null) return explain(...found);
  }
  return `expected ${FORMS}`;
}

/** Whether a text looks like a URL, which may have a password in it. */
export function isUrl(text: string): boolean {
  return /^[a-z][a-z\d+.-]*:\/\//i.test(text) && !/^unix:/i.test(text);
}

/** Says what to write instead of a URL. The message repeats only its host and port. */
export function faultOfUrl(text: string): string {
  const [, scheme = "", host = "", port] =
    /^([^:]+):\/\/(?:[^/]*@)?(\[[^\]]*\]|[^:/?#]*)(?::(\d+))?/.exec(text) ?? [];
  const written = `${host || "db.internal"}:${port ?? PORTS.get(scheme.toLowerCase()) ?? 5432}`;
  return `Cannot use a URL as an address: leave "${scheme}://" out, and all but host and port, write "${written}"`;
}

/** Explains why a host and port cannot be an address; undefined when they can. */
export function faultOfHostAndPort(host: string, port: string): string | undefined {
  return /^\d+$/.test(host) ? twoPorts(host, port) : faultOfHost(host);
}

/** Explains why no host can have that name; undefined when one can. */
export function faultOfHost(host: string): string | undefined {
  if (/^\[.*\]$/.test(host)) return undefined;
  if (host === "*") return 'write "0.0.0.0", or ":port", for all addresses';
  if (host.startsWith("$")) {
    return `a variable of a configuration file is written in braces, "\${${
      host.replace(/\W/g, "") || "NAME"
    }}"`;
  }
  if (host.startsWith("{")) return faultOfPlaceholder(host);
  const strange = /[^\p{L}\p{M}\p{N}._-]/u.exec(host)?.[0];
  if (strange !== undefined) return `"${strange}" cannot be in the name of a host`;
  const labels = host.replace(/\.$/, "").split(".");
  // The last part of a name is never a number, so that it cannot be taken for an address (RFC 3696 section 2).
  if (/^\d+$/.test(labels.at(-1)!) && !readIpAddress(host, new Uint32Array(IP_WORDS))) {
    return `"${host}" is no IPv4 address, which has four numbers from 0 to 255`;
  }
  if (labels.includes("")) return `"${host}" has nothing between two dots`;
  if (host.length > MAX_NAME) return `the name of a host has at most ${MAX_NAME} characters`;
  if (labels.some((label) => label.length > MAX_LABEL)) {
    return `a part of a host's name has at most ${MAX_LABEL} characters`;
  }
  return undefined;
}

/** Names in braces, which other programs have too. */
function faultOfPlaceholder(host: string): string {
  return host === "{sni}"
    ? 'only the whole upstream of a service or route can be "{sni}:443", which has no settings of a group'
    : 'only "{sni}" stands for something, the server name that a client asks for, as in "{sni}:443"';
}

/** The longest unix socket path the kernel takes, in bytes (`sun_path` without its final NUL; macOS has 103). */
const MAX_UNIX_PATH = 107;

/**
 * The reason why a path cannot be that of a unix socket.
 *
 * @param os The operating system that will use it.
 */
export function faultOfUnixPath(
  path: string,
  os: typeof Deno.build.os = Deno.build.os,
): string | undefined {
  if (path.includes("\0")) return 'a path has no NUL byte (an abstract socket is written "unix:@name")';
  if (path.startsWith("@") && os !== "linux" && os !== "android") {
    return `abstract sockets are on Linux only (the socket file is written "unix:./${path}")`;
  }
  if (path === "@") return 'the name after "@" is missing';
  const length = new TextEncoder().encode(path).length;
  if (length <= MAX_UNIX_PATH) return undefined;
  return `a unix socket path has at most ${MAX_UNIX_PATH} bytes, this one has ${length}`;
}
