/** The shape of what decides which clients may connect, and of their limits. */

import { trustedPeers } from "./address_fields.ts";
import { choice, count, duration, size } from "./fields.ts";
import { bandwidth, rate, timeLimit } from "./limit_fields.ts";
import { section } from "./section.ts";

const MAX_CONNECTIONS = 1_000_000;

/**
 * The lowest bandwidth, in bytes a second. Below it, the first 2 KiB relay buffer would take longer than clients'
 * timeouts, and in `upload: 10` the unit is probably missing.
 */
const MIN_BANDWIDTH = 1024;

/** The shortest lifetime, in milliseconds, in which a connection can be of use. */
const MIN_LIFETIME = 1000;

/** Bytes of a ClientHello to wait for: most have 300 to 1800, and one TLS record is at most 16 KiB. */
const MIN_PEEK = 1024;
const MAX_PEEK = 65_536;

export const acceptProxyProtocol = section('a mapping such as "from: 10.0.0.0/8"', {
  from: trustedPeers().describe(
    "The load balancers that send the header: addresses, blocks, or unix for peers on the service's unix sockets. " +
      "Connections from anywhere else are closed.",
  ),
  timeout: duration(1).prefault("3s").describe("How long the whole header may take."),
});

export const limits = section('a mapping such as "connections: 1000"', {
  connections: count(0, MAX_CONNECTIONS).prefault(0).describe(
    "Connections of the service at the same time. 0 is no limit.",
  ),
  connections_per_client: count(0, MAX_CONNECTIONS).prefault(0).describe(
    "Connections of one client address at the same time; an IPv6 /64 is one client. 0 is no limit.",
  ),
  connects_per_second: rate().optional().describe(
    "New connections a second: a number, or rate and burst. Left out, no limit.",
  ),
  connects_per_second_per_client: rate().optional().describe(
    "New connections a second of one client address, written the same way. Left out, no limit.",
  ),
  upload: bandwidth(MIN_BANDWIDTH).prefault(0).describe(
    'Bytes a second from the client, for each connection, such as "10MB/s". 0 is no limit.',
  ),
  download: bandwidth(MIN_BANDWIDTH).prefault(0).describe(
    "Bytes a second from the upstream, for each connection. 0 is no limit.",
  ),
  when_full: choice("refuse", "wait").prefault("refuse").describe(
    "What happens to a new client at the limit of connections: it is closed (refuse), or waits.",
  ),
  lifetime: timeLimit(MIN_LIFETIME).prefault(0).describe(
    "Closes a connection at this age, even while it is in use. 0 is no limit.",
  ),
});

export const processLimits = section('a mapping such as "connections: 10000"', {
  connections: count(0, MAX_CONNECTIONS).prefault(0).describe(
    "Connections of all services at the same time. Each takes two descriptors. 0 is no limit.",
  ),
});

export const peek = section('a mapping such as "timeout: 3s"', {
  timeout: duration(1).prefault("3s").describe(
    "How long to wait for a ClientHello. After that, the client counts as one without TLS.",
  ),
  max_bytes: size(MIN_PEEK, MAX_PEEK).prefault("16KiB").describe(
    "The longest ClientHello to wait for, 1KiB to 64KiB.",
  ),
});
