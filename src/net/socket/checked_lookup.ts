/** Looks up names that clients choose. It returns only addresses that they may reach, and just these are dialled. */

import type { TcpAddress } from "../address.ts";
import { ProxyError } from "../errors.ts";
import { innerAddress, purposeOf } from "../../wire/ip/special_purpose.ts";
import { NameLookup, type Names } from "./lookup.ts";
import type { OwnListeners } from "./own_listeners.ts";

/** How many of them run at the same time: each takes one of the 512 threads that also read files. */
const MOST_LOOKUPS = 64;

/** A cache of its own, so that clients cannot evict answers for configured names. */
const NAMES_OF_CLIENTS = new NameLookup({ most: MOST_LOOKUPS });

/** Which addresses may be connected to. */
export interface AddressRules {
  /** Addresses that may be reached although they are not public. */
  readonly privates: { has(address: string): boolean };
  readonly own: Pick<OwnListeners, "at">;
  /** The port of the connection. */
  readonly port: number;
  /** Looks names up; with the system's resolver unless given. */
  readonly names?: Names;
}

export class CheckedLookup implements Names {
  readonly isBinding = true;
  readonly #rules: AddressRules;

  constructor(rules: AddressRules) {
    this.#rules = rules;
  }

  /**
   * The addresses of a name that may be connected to, the preferred ones first.
   *
   * @throws {ProxyError} `address_not_allowed` when there are none, what a lookup throws, or the reason of `signal`.
   */
  async addresses(hostname: string, signal: AbortSignal): Promise<readonly string[]> {
    const { names = NAMES_OF_CLIENTS } = this.#rules;
    const found = await names.addresses(hostname, signal);
    const faults = found.map((address) => this.#faultOf(address));
    const allowed = found.filter((_, index) => faults[index] === undefined);
    if (allowed.length > 0) return allowed;
    const detail = `Cannot connect to ${hostname}: ${faults.join("; ")}`;
    throw new ProxyError("address_not_allowed", "proxy", { detail });
  }

  #faultOf(address: string): string | undefined {
    const { privates, own, port } = this.#rules;
    const inner = innerAddress(address);
    const purpose = inner === undefined ? undefined : purposeOf(inner);
    const isAllowed = inner !== undefined &&
      (purpose === undefined || purpose.isUnicast && privates.has(inner));
    if (!isAllowed) return `${address} is ${purpose?.name ?? "no address"}`;
    const target: TcpAddress = { transport: "tcp", hostname: address, port };
    // A translator such as NAT64 leads to the IPv4 address inside.
    const taken = own.at({ ...target, hostname: inner }) ?? own.at(target);
    return taken && `sluice itself listens on ${address} at port ${port}`;
  }
}
