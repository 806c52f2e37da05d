/** What a configuration would do, in words. */

import type { Config, ServiceConfig } from "../config/config.ts";
import { type Address, formatAddress } from "../net/address.ts";
import { adapterFor } from "../net/conn.ts";

/** One line per service: its addresses, its upstream, and the socket API of each leg. */
export function describeServices(config: Config): string[] {
  return config.services.map((service) => {
    const listen = service.listen.map((address) => describeLeg(service, address)).join(", ");
    return `${service.name}: ${listen} -> ${describeLeg(service, service.upstream)}`;
  });
}

function describeLeg(service: ServiceConfig, address: Address): string {
  const onNode = address.transport === "tcp" && adapterFor(service) === "node";
  return `${formatAddress(address)} (${onNode ? "node:net" : "deno"})`;
}
