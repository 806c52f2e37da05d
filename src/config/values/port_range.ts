/** Ranges of ports as people write them: `5000` or `7000-7010`; to listen on, with a host before them. */

import {
  type Address,
  formatAddress,
  type ListenAddress,
  parseListenAddress,
  parseServiceAddress,
  parseUpstreamAddress,
  type TcpAddress,
} from "../../net/address.ts";

/** Inclusive. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** The most ports of one entry of `listen`: each needs a socket. */
const MAX_LISTENERS = 1000;

/** What `parsePortRange` accepts of strings, as a regular expression for a JSON Schema. */
export const PORT_RANGE_PATTERN = "^[0-9]+(-[0-9]+)?$";

/**
 * Parses a port or a range of ports, 1-65535, both ends inclusive.
 *
 * @throws {SyntaxError} when it is neither, or the first port is larger than the last.
 */
export function parsePortRange(value: string | number): PortRange {
  const text = String(value);
  const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(text) ?? [];
  if (first === undefined || last === undefined) {
    throw new SyntaxError(
      `Cannot parse port "${text}": expected a port such as 5432 or a range such as "7000-7010"`,
    );
  }
  const range = { first: Number(first), last: Number(last) };
  const outside = [first, last].find((port) => Number(port) < 1 || Number(port) > 65535);
  if (outside !== undefined) {
    const where = first === last ? "" : ` in "${text}"`;
    throw new SyntaxError(`Cannot parse port "${outside}"${where}: expected 1-65535`);
  }
  if (range.first > range.last) {
    throw new SyntaxError(`Cannot parse port range "${text}": the first port is larger than the last`);
  }
  return range;
}

/**
 * Parses where a service listens: what `parseServiceAddress` takes, or the same with a range of ports, which
 * becomes an address for each.
 *
 * @throws {SyntaxError} when it is neither.
 * @throws {RangeError} when it has more than 1000 ports.
 */
export function parseListenRange(text: string): ListenAddress[] {
  const [, host, ports] = /^((?!unix:|systemd:)(?:.*:)?)(\d+-\d+)$/.exec(text) ?? [];
  if (host === undefined || ports === undefined) return [parseServiceAddress(text)];
  const { first, last } = parsePortRange(ports);
  const count = last - first + 1;
  if (count > MAX_LISTENERS) {
    throw new RangeError(`Cannot listen on "${text}": expected at most ${MAX_LISTENERS} ports, got ${count}`);
  }
  return Array.from({ length: count }, (_, index) => parseListenAddress(`${host}${first + index}`));
}

/**
 * Parses where a service or route connects to: what `parseUpstreamAddress` takes, or the same with a range of ports.
 *
 * @throws {SyntaxError} when it is neither.
 */
export function parseUpstreamRange(text: string): Address {
  const [, host, ports] = /^((?!unix:).+:)(\d+-\d+)$/.exec(text) ?? [];
  if (host === undefined || ports === undefined) return parseUpstreamAddress(text);
  const { first, last } = parsePortRange(ports);
  return { ...parseUpstreamAddress(`${host}${first}`), lastPort: last } as TcpAddress;
}

/**
 * Formats addresses so that {@linkcode parseListenRange} gives them back: ports that follow each other are one range.
 */
export function formatListenRanges(addresses: readonly ListenAddress[]): string[] {
  const runs: { readonly first: ListenAddress; last: number }[] = [];
  for (const address of addresses) {
    const port = address.transport === "tcp" ? address.port : 0;
    const run = runs.at(-1);
    if (run !== undefined && continues(run.first, run.last, address)) run.last = port;
    else runs.push({ first: address, last: port });
  }
  return runs.map(({ first, last }) => {
    const isAlone = first.transport !== "tcp" || first.port === last;
    return isAlone ? formatAddress(first) : `${formatAddress(first)}-${last}`;
  });
}

/** Merges ranges that overlap or touch, in ascending order. */
export function mergePortRanges(ranges: readonly PortRange[]): PortRange[] {
  const merged: PortRange[] = [];
  for (const range of ranges.toSorted((a, b) => a.first - b.first)) {
    const previous = merged.at(-1);
    if (previous === undefined || range.first > previous.last + 1) merged.push(range);
    else merged[merged.length - 1] = { ...previous, last: Math.max(previous.last, range.last) };
  }
  return merged;
}

/** Formats a range so that `parsePortRange` gives it back. */
export function formatPortRange({ first, last }: PortRange): string {
  return first === last ? String(first) : `${first}-${last}`;
}

function continues(first: ListenAddress, last: number, address: ListenAddress): boolean {
  if (first.transport !== "tcp" || address.transport !== "tcp") return false;
  // Port 0 asks for any free port, so no range begins with it.
  return first.port > 0 && last - first.port + 1 < MAX_LISTENERS &&
    address.hostname === first.hostname && address.port === last + 1;
}
