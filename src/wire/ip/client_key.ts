/** What counts as one client: an IPv4 address, or an IPv6 /64 network. */

import { IP_WORDS, isIpv4, readIpAddress } from "./ip_address.ts";

/** Equal for addresses of the same client. */
export interface ClientKey {
  readonly family: 4 | 6;
  /** The first 32 bits of the network; 0 for IPv4. */
  readonly high: number;
  /** Its other 32 bits, or the IPv4 address. */
  readonly low: number;
}

/** Reused for every address: a new array for each would take five times as long as reading. */
const WORDS = new Uint32Array(IP_WORDS);

/**
 * The client that an address belongs to; undefined for any other text, such as the empty address of a unix client.
 *
 * IPv4-mapped addresses are IPv4 (RFC 4291 section 2.5.5.2). In IPv6 a host can have any number of addresses in its
 * network (RFC 4291 section 2.5.1, RFC 8981), so limits go by the network.
 */
export function clientKeyOf(address: string): ClientKey | undefined {
  if (!readIpAddress(address, WORDS)) return undefined;
  return isIpv4(WORDS)
    ? { family: 4, high: 0, low: WORDS[3]! }
    : { family: 6, high: WORDS[0]!, low: WORDS[1]! };
}
