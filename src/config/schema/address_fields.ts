/** The addresses in a configuration, as zod schemas. */

import {
  type Address,
  formatAddress,
  type ListenAddress,
  parseUpstreamAddress,
  type TcpAddress,
} from "../../net/address.ts";
import { CidrSet, parseCidr } from "../../wire/ip/cidr.ts";
import {
  formatEndpointAddress,
  GROUP_NAME_PATTERN,
  isIpAddress,
  parseEndpointAddress,
  parseNameServer,
  parseUpstreamWord,
  UNIX_PEERS,
  type UpstreamWord,
} from "../values/address_text.ts";
import {
  formatListenRanges,
  formatPortRange,
  parseListenRange,
  parsePortRange,
  PORT_RANGE_PATTERN,
  type PortRange,
} from "../values/port_range.ts";
import {
  type JsonSchema,
  scalar,
  type Scalars,
  scalars,
  textOf,
  textOrNumber,
  Unexpected,
} from "../values/scalar.ts";
import { LIST_FILE, type ListEntry, listFile } from "./list_file.ts";

const UPSTREAM_ADDRESS: JsonSchema = { type: "string", pattern: "^([^\\s/]+:[0-9]+|unix:.+)$" };
const UPSTREAM_RANGE: JsonSchema = { type: "string", pattern: "^([^\\s/]+:[0-9]+(-[0-9]+)?|unix:.+)$" };
const EXPECTED_UPSTREAM = 'an address such as "db.internal:5432"';

/** The unspecified addresses, which mean every address of a machine (RFC 4291 section 2.5.2). */
const UNSPECIFIED = new CidrSet(["0.0.0.0", "::"]);

const ADDRESS_BLOCKS = {
  expected: 'an IP address or a block such as "10.1.0.0/16"',
  parse: (value) => {
    if (typeof value !== "string") throw new Unexpected();
    if (/,|\d\s+\d/.test(value)) {
      throw new SyntaxError(
        `Cannot parse "${value}": several addresses are written as a list, [10.0.0.0/8, 192.168.0.0/16]`,
      );
    }
    if (value === "*") throw new SyntaxError('Cannot parse "*": all addresses are 0.0.0.0/0 and ::/0');
    parseCidr(value);
    return [value];
  },
  json: [{ type: "string", pattern: "^[0-9a-fA-F.:]+(%[^/]+)?(/[0-9]+)?$" }],
} satisfies Scalars<string>;

/** Where connections go, in one word: an address, the same with a range of ports, or the name of a group. */
export function upstreamWord() {
  return scalar<string, UpstreamWord>({
    expected: EXPECTED_UPSTREAM,
    parse: (value) => parseUpstreamWord(String(textOrNumber(value))),
    format: (word) => {
      if (word.kind === "name") return word.name;
      if (word.kind === "address") return formatAddress(word.address);
      throw new Unexpected(); // a group, which is written in another way
    },
    json: [UPSTREAM_RANGE, { type: "string", pattern: GROUP_NAME_PATTERN }],
  });
}

/** Where connections go: an address. */
export function upstreamAddress() {
  return scalar<string, Address>({
    expected: EXPECTED_UPSTREAM,
    parse: (value) => parseUpstreamAddress(String(textOrNumber(value))),
    format: formatAddress,
    json: [UPSTREAM_ADDRESS],
  });
}

/** The same, or a name without a port, which the group's `discovery` allows or not. */
export function endpointAddress() {
  return scalar<string, Address>({
    expected: EXPECTED_UPSTREAM,
    parse: (value) => parseEndpointAddress(String(textOrNumber(value))),
    format: formatEndpointAddress,
    json: [UPSTREAM_ADDRESS, { type: "string", pattern: "^[^:\\s/]*[A-Za-z][^:\\s/]*$" }],
  });
}

/** Where connections come from: an address, the same with a range of ports, or a list of these. */
export function listen() {
  return scalars<string | number, ListenAddress>({
    expected: 'an address such as "127.0.0.1:5000"',
    each: "address",
    parse: (value) => parseListenRange(String(textOrNumber(value))),
    format: formatListenRanges,
    json: [
      { type: "integer", minimum: 0, maximum: 65535 },
      { type: "string", pattern: "^(([^\\s/]*:)?[0-9]+(-[0-9]+)?|(unix|systemd):.+)$" },
    ],
  });
}

/** Where one listener listens: an address with a single port. */
export function adminListen() {
  return scalar<string | number, Address>({
    expected: 'an address such as "127.0.0.1:9000"',
    parse: (value) => {
      const text = String(textOrNumber(value));
      const [address, ...others] = parseListenRange(text);
      if (address?.transport === "systemd") {
        throw new SyntaxError(`Cannot listen on "${text}": only services take sockets of a service manager`);
      }
      if (address !== undefined && others.length === 0) return address;
      throw new SyntaxError(`Cannot listen on "${text}": expected one port, got a range of them`);
    },
    format: formatAddress,
    json: [
      { type: "integer", minimum: 0, maximum: 65535 },
      { type: "string", pattern: "^(([^\\s/]*:)?[0-9]+|unix:.+)$" },
    ],
  });
}

/** The address of this machine that connections are made from. */
export function sourceAddress() {
  return scalar<string, string>({
    expected: 'an IP address of this machine such as "10.0.0.3"',
    parse: (value) => {
      if (typeof value !== "string" || !isIpAddress(value)) throw new Unexpected();
      if (!UNSPECIFIED.has(value)) return value;
      throw new SyntaxError(`Cannot connect from "${value}": it means any address, leave the key out`);
    },
    json: [{ type: "string", pattern: "^[0-9a-fA-F.:]+(%[^/]+)?$" }],
  });
}

/** A port, a range of ports, or a list of these. */
export function ports() {
  return scalars<string | number, PortRange>({
    expected: 'a port such as 5432 or a range such as "7000-7010"',
    each: "port",
    parse: (value) => [parsePortRange(textOrNumber(value))],
    format: (ranges) => ranges.map(formatPortRange),
    json: [
      { type: "integer", minimum: 1, maximum: 65535 },
      { type: "string", pattern: PORT_RANGE_PATTERN },
    ],
  });
}

/** An IP address, a block of them, or a list of these. */
export function addressBlocks() {
  return scalars<string, string>({ ...ADDRESS_BLOCKS, each: "address" });
}

/** Blocks of addresses that are not public; true is all of these, false is none. */
export function privateBlocks() {
  return scalars<string | boolean, string>({
    expected: 'true, false or a block of addresses such as "10.0.0.0/8"',
    parse: (value) => {
      if (value === true || value === "true") return ["0.0.0.0/0", "::/0"];
      return value === false || value === "false" ? [] : ADDRESS_BLOCKS.parse(value);
    },
    json: [{ type: "boolean" }, { enum: ["true", "false"] }, ...ADDRESS_BLOCKS.json],
  });
}

const ADDRESS_LIST: Scalars<ListEntry> = {
  ...ADDRESS_BLOCKS,
  mapping: listFile,
  json: [...ADDRESS_BLOCKS.json, LIST_FILE],
};

/** The same, and files with addresses and blocks. */
export function addressList() {
  return scalars<ListEntry, ListEntry>({ ...ADDRESS_LIST, each: "address" });
}

/** The same, or an empty list. */
export function accessList() {
  return scalars<ListEntry, ListEntry>(ADDRESS_LIST);
}

/** The same as {@linkcode addressList}, and `unix` for peers on unix sockets, which have no address. */
export function trustedPeers() {
  return scalars<ListEntry, ListEntry>({
    ...ADDRESS_LIST,
    expected: 'an IP address, a block such as "10.1.0.0/16", or unix',
    each: "address",
    parse: (value) => value === UNIX_PEERS ? [value] : ADDRESS_BLOCKS.parse(value),
    json: [...ADDRESS_LIST.json, { const: UNIX_PEERS }],
  });
}

/** Where to ask for names. */
export function nameServer() {
  return scalar<string, TcpAddress>({
    expected: 'the IP address of a name server such as "10.0.0.2:53"',
    parse: (value) => parseNameServer(String(textOrNumber(value))),
    format: formatAddress,
    json: [{ type: "string", pattern: "^(\\[[0-9a-fA-F.:]+\\]|[0-9.]+)(:[0-9]+)?$|^[0-9a-fA-F.:]+$" }],
  });
}

/**
 * The URL of an HTTP API, without a slash at its end.
 *
 * @param options `assumed` is the scheme that was meant where there is none, `credentials` what to use instead of a
 *   password in the URL, and `hasPath` whether the API may be below a path.
 */
export function httpUrl(
  expected: string,
  { assumed, credentials, hasPath }: {
    readonly assumed: "http" | "https";
    readonly credentials: string;
    readonly hasPath: boolean;
  },
) {
  return scalar<string, string>({
    expected,
    parse: (value) => {
      const text = textOf(value).replace(/\/$/, "");
      const url = URL.parse(text);
      if (url === null || !["http:", "https:"].includes(url.protocol)) {
        const meant = /^[\w.-]+:\d+$/.test(text) ? `${assumed}://${text}` : undefined;
        throw new Unexpected(undefined, { meant });
      }
      if (url.username !== "" || url.password !== "") {
        throw new SyntaxError(`Cannot use an address with a name or password in it: ${credentials}`);
      }
      if (url.search !== "" || url.hash !== "" || !hasPath && url.pathname !== "/") throw new Unexpected();
      return hasPath ? text : url.origin;
    },
    json: [{ type: "string", pattern: hasPath ? "^https?://[^?#@]+$" : "^https?://[^/?#@]+/?$" }],
  });
}
