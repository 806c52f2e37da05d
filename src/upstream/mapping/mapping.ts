/** Upstreams whose address depends on the client: their group has one endpoint for all of these addresses. */

import type { GroupConfig, ServiceConfig } from "../../config/config.ts";
import { type Address, isChosenByClient } from "../../net/address.ts";
import { CheckedLookup } from "../../net/socket/checked_lookup.ts";
import type { Names } from "../../net/socket/lookup.ts";
import type { OwnListeners } from "../../net/socket/own_listeners.ts";
import type { ClientAddress } from "../balance/endpoint_choice.ts";
import { NameMapping } from "./name_mapping.ts";
import { PortMapping } from "./port_mapping.ts";

/** What is known of a client that its address may depend on. */
export interface ConnectingClient extends ClientAddress {
  /** The port that it connected to. */
  readonly listenPort?: number;
  /** The name that it asked for, in its ClientHello or in that of a PROXY header. */
  readonly serverName?: string | undefined;
  /** The reason why it has no ClientHello. */
  readonly noHello?: string | undefined;
}

export interface AddressMapping {
  /** @throws {ProxyError} when there is no address for the client. */
  addressFor(client: ConnectingClient): Address;
  /** Looks up the host of that address; undefined where any lookup will do. */
  readonly names?: Names;
}

/** The settings of a service for names that its clients choose. */
export interface NameRules {
  readonly names: { has(name: string): boolean };
  readonly privates: { has(address: string): boolean };
  readonly own: Pick<OwnListeners, "at">;
}

/** Undefined for a group that has addresses of its own. */
export function mappingOf(
  { endpoints }: GroupConfig,
  { listen }: Pick<ServiceConfig, "listen">,
  { names, ...rules }: NameRules,
): AddressMapping | undefined {
  const address = endpoints[0]?.address;
  if (address?.transport !== "tcp") return undefined;
  if (isChosenByClient(address)) {
    const { port } = address;
    return new NameMapping(port, names, new CheckedLookup({ ...rules, port }));
  }
  if (address.lastPort === undefined) return undefined;
  const ports = listen.map((each) => each.transport === "tcp" ? each.port : 0);
  return new PortMapping(address, Math.min(...ports));
}
