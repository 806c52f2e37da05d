/** Ranges of ports as people write them: `5000` or `7000-7010`; to listen on, with a host before them. */

import { type Address, formatAddress, parseListenAddress } from "../../net/address.ts";
/** Inclusive. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** The most ports of one entry of `listen`: each needs a socket. */
export const MAX_LISTENERS = 1000;

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
 * Parses where a service listens: what `parseListenAddress` takes, or the same with a range of ports, which
 * becomes an address for each.
 *
 * @throws {SyntaxError} when it is neither.
 * @throws {RangeError} when it has more than 1000 ports.
 */
export function parseListenRange(text: string): Address[] {
  const [, host, ports] = /^((?!unix:)(?:.*:)?)(\d+-\d+)$/.exec(text) ?? [];
  if (host === undefined || ports === undefined) return [parseListenAddress(text)];
  const { first, last } = parsePortRange(ports);
  const count = last - first + 1;
  if (count > MAX_LISTENERS) {
    throw new RangeError(`Cannot listen on "${text}": expected at most ${MAX_LISTENERS} ports, got ${count}`);
  }
  return Array.from({ length: count }, (_, index) => parseListenAddress(`${host}${first + index}`));
}

/** Addresses that differ in their port alone, which goes up by one; `last` is that of the last one. */
export interface AddressRun {
  readonly first: Address;
  readonly last: number;
}

/** Merges consecutive items into runs of at most `most`. */
export function runsOf(addresses: readonly Address[], most = Infinity): AddressRun[] {
  const runs: AddressRun[] = [];
  for (const address of addresses) {
    const run = runs.at(-1);
    const follows = run !== undefined && continues(run, address, most);
    if (follows) runs[runs.length - 1] = { ...run, last: run.last + 1 };
    else runs.push({ first: address, last: portOf(address) });
  }
  return runs;
}

/** Formats a run so that {@linkcode parseListenRange} gives it back. */
export function formatRun({ first, last }: AddressRun): string {
  return last === portOf(first) ? formatAddress(first) : `${formatAddress(first)}-${last}`;
}

/** Formats addresses so that {@linkcode parseListenRange} gives them back: ports that follow each other are one range. */
export function formatListenRanges(addresses: readonly Address[]): string[] {
  return runsOf(addresses, MAX_LISTENERS).map(formatRun);
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

function continues({ first, last }: AddressRun, address: Address, most: number): boolean {
  if (first.transport === "unix" || address.transport === "unix") return false;
  // Port 0 asks for any free port, so no range begins with it.
  return first.port > 0 && last - first.port + 1 < most &&
    address.hostname === first.hostname && address.port === last + 1;
}

function portOf(address: Address): number {
  return address.transport === "tcp" ? address.port : 0;
}
