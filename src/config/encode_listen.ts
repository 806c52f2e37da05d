/** Writes where a service listens. */

import { type Address, formatAddress } from "../net/address.ts";

/** The most ports that one entry may stand for. */
const MAX_PORTS = 1000;

/** Addresses that differ in their port alone, which goes up by one; `last` is that of the last one. */
interface Run {
  readonly first: Address;
  readonly last: number;
}

/** Formats addresses so that `parseListenRange` gives them back: ports that follow each other are one range. */
export function encodeListen(addresses: readonly Address[]): string[] {
  const runs: Run[] = [];
  for (const address of addresses) {
    const run = runs.at(-1);
    if (run !== undefined && continues(run, address)) runs[runs.length - 1] = { ...run, last: run.last + 1 };
    else runs.push({ first: address, last: portOf(address) });
  }
  return runs.map(({ first, last }) => {
    return last === portOf(first) ? formatAddress(first) : `${formatAddress(first)}-${last}`;
  });
}

function continues({ first, last }: Run, address: Address): boolean {
  if (first.transport === "unix" || address.transport === "unix") return false;
  // Port 0 stands for any free one, which no range can begin with.
  return first.port > 0 && last - first.port + 1 < MAX_PORTS &&
    address.hostname === first.hostname && address.port === last + 1;
}

function portOf(address: Address): number {
  return address.transport === "tcp" ? address.port : 0;
}
