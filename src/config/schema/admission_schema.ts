/** The shape of what decides which clients may connect, and of their limits. */

import * as z from "zod";
import { CLIENT_FIRST } from "../../wire/starttls/registry.ts";
import { ANYTHING, scalar } from "../values/scalar.ts";
import { trustedPeers } from "./address_fields.ts";
import { bandwidth, choice, count, duration, numberIn, size } from "./fields.ts";
import { section, shorthand } from "./section.ts";

const MAX_CONNECTIONS = 1_000_000;

/**
 * The lowest bandwidth, in bytes a second. Below it, the first 2 KiB relay buffer would take longer than clients'
 * timeouts, and in `upload: 10` the unit is probably missing.
 */
const MIN_BANDWIDTH = 1024;

/** The shortest lifetime, in milliseconds, in which a connection can be of use. */
const MIN_LIFETIME = 1000;

/** The highest rate and burst: a higher one would limit nothing. */
const MAX_RATE = 1_000_000;

/** Bytes to look at, of a ClientHello above all: most have 300 to 1800, and one TLS record is at most 16 KiB. */
const MIN_PEEK = 1024;
const MAX_PEEK = 65_536;

export const acceptProxyProtocol = section('a mapping such as "from: 10.0.0.0/8"', {
  from: trustedPeers().describe(
    "The load balancers that send the header: addresses, blocks, files with these, or unix for peers on the service's unix sockets. " +
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
  lifetime: duration(MIN_LIFETIME, true).prefault(0).describe(
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
    "How long to wait for what a client sends first. After that, it meets no condition that needs more of it, and " +
      "counts as one without TLS.",
  ),
  starttls: choice(...CLIENT_FIRST).optional().describe(
    "For clients that ask for TLS inside this protocol: sluice lets them begin it before it chooses their route, so " +
      "that their server name can decide. Where TLS passes through, sluice then asks the upstream for it.",
  ),
  max_bytes: size(MIN_PEEK, MAX_PEEK).prefault("16KiB").describe(
    "How much of what a client sends first to look at, such as the longest ClientHello, 1KiB to 64KiB.",
  ),
});

/** `rate` is the average per second, `burst` the number allowed at once after a pause. */
export interface RateConfig {
  readonly rate: number;
  readonly burst: number;
}

/** A rate per second: a number, or a mapping that also has a burst. */
function rate() {
  const mapping = section('a mapping such as "rate: 200"', {
    rate: perSecond().describe("The average per second. 0.5 is one in two seconds."),
    burst: count(1, MAX_RATE).optional().describe(
      "How many are allowed at once after a pause. Left out, the rate, at least 1.",
    ),
  }).describe("A rate and a burst.");
  return z.union([
    shorthand(perSecond(), (rate) => withBurst({ rate })),
    z.codec(mapping, ANYTHING as z.ZodType<RateConfig, RateConfig>, {
      decode: withBurst,
      encode: (rate) => rate,
    }),
  ], { error: 'a number such as 200, or a mapping such as "rate: 200"' });
}

function withBurst(
  { rate, burst = Math.ceil(rate) }: { rate: number; burst?: number | undefined },
): RateConfig {
  return { rate, burst };
}

function perSecond() {
  const expected = `a number above 0 and up to ${MAX_RATE}`;
  return scalar<number | string, number>({
    expected,
    parse: (value) => {
      const number = numberIn(value, /^\d+(\.\d+)?$/);
      // YAML can write NaN (`.nan`), which fails every comparison.
      if (number > 0 && number <= MAX_RATE) return number;
      throw new RangeError(`Expected ${expected}, got ${number}`);
    },
    json: [
      { type: "number", exclusiveMinimum: 0, maximum: MAX_RATE },
      { type: "string", pattern: "^[0-9]+(\\.[0-9]+)?$" },
    ],
  });
}
