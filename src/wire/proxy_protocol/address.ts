/** IP addresses of a PROXY protocol header, as text and as the words of `ip_address.ts`. */

import { formatIpv4, IP_WORDS, isIpv4, readIpAddress } from "../ip/ip_address.ts";
import type { ProxyAddress, ProxyHeader } from "./header.ts";

export interface IpEndpoint {
  readonly words: Uint32Array;
  readonly port: number;
}

const MAX_PORT = 65535;

/** The addresses of a header when both are IP addresses. Throws a RangeError when a port or address is none. */
export function ipEndpointsOf({ source, destination }: ProxyHeader): [IpEndpoint, IpEndpoint] | undefined {
  if (source?.transport !== "tcp" || destination?.transport !== "tcp") return undefined;
  return [ipEndpointOf(source), ipEndpointOf(destination)];
}

/** The words of an IP address, or undefined when the text is none. */
export function parseIp(text: string): Uint32Array | undefined {
  const words = new Uint32Array(IP_WORDS);
  return readIpAddress(text, words) ? words : undefined;
}

/** The canonical text (RFC 5952 section 4), with dots when the address is IPv4 or mapped to it. */
export function formatIp(words: Uint32Array): string {
  if (isIpv4(words)) return formatIpv4(words);
  const groups = Array.from(words).flatMap((word) => [word >>> 16, word & 0xffff]);
  const [gap, length] = longestZeros(groups);
  const text = groups.map((group) => group.toString(16));
  if (length < 2) return text.join(":");
  return `${text.slice(0, gap).join(":")}::${text.slice(gap + length).join(":")}`;
}

function ipEndpointOf({ hostname, port }: ProxyAddress & { transport: "tcp" }): IpEndpoint {
  const words = parseIp(hostname);
  if (words === undefined) throw new RangeError(`Cannot send "${hostname}" in a PROXY header: no IP address`);
  if (!Number.isInteger(port) || port < 0 || port > MAX_PORT) {
    throw new RangeError(`Cannot send port ${port} in a PROXY header: expected 0-${MAX_PORT}`);
  }
  return { words, port };
}

/** The first of the longest runs of zeros: where it begins, and how many they are. */
function longestZeros(groups: readonly number[]): [start: number, length: number] {
  let longest: [number, number] = [0, 0];
  let length = 0;
  for (const [index, group] of groups.entries()) {
    length = group === 0 ? length + 1 : 0;
    if (length > longest[1]) longest = [index - length + 1, length];
  }
  return longest;
}
