/** The IP addresses of a PROXY protocol header as words of `ip_address.ts`. */

import { parseIp } from "../ip/ip_address.ts";
import type { ProxyAddress, ProxyHeader } from "./header.ts";

export interface IpEndpoint {
  readonly words: Uint32Array;
  readonly port: number;
}

const MAX_PORT = 65535;

/** The addresses of a header when both are IP addresses. Throws a RangeError when a port or an address is invalid. */
export function ipEndpointsOf({ source, destination }: ProxyHeader): [IpEndpoint, IpEndpoint] | undefined {
  if (source?.transport !== "tcp" || destination?.transport !== "tcp") return undefined;
  return [ipEndpointOf(source), ipEndpointOf(destination)];
}

function ipEndpointOf({ hostname, port }: ProxyAddress & { transport: "tcp" }): IpEndpoint {
  const words = parseIp(hostname);
  if (words === undefined) throw new RangeError(`Cannot send "${hostname}" in a PROXY header: no IP address`);
  if (!Number.isInteger(port) || port < 0 || port > MAX_PORT) {
    throw new RangeError(`Cannot send port ${port} in a PROXY header: expected 0-${MAX_PORT}`);
  }
  return { words, port };
}
