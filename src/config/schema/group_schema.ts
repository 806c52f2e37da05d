/** The shape of an upstream group: its keys, what they mean, and what they are when they are left out. */

import { z } from "zod";
import type { Address } from "../../net/address.ts";
import { POLICY_NAMES } from "../../upstream/balance/registry.ts";
import { GROUP_NAME_PATTERN } from "../values/address_text.ts";
import { endpointAddress, nameServer, upstreamAddress, upstreamWord } from "./address_fields.ts";
import { choice, count, duration, flag, payload } from "./fields.ts";
import { ANYTHING, codec, setKind } from "../values/scalar.ts";
import { encode, JITLESS, list, section, type SectionOutput, shorthand } from "./section.ts";

/** The shortest time between two checks or two look-ups, in milliseconds: less is a flood. */
const MIN_CHECK_INTERVAL = 10;
const MIN_DISCOVERY_INTERVAL = 100;

const ENDPOINT = "an address or a mapping with address";

const endpointSettings = {
  weight: count(1, 1000).prefault(1).describe(
    "The endpoint's share of the connections, in proportion to the others' weights.",
  ),
  max_connections: count(0, 1_000_000).prefault(0).describe(
    "Connections to the endpoint at the same time, of all services together. 0 is no limit.",
  ),
  backup: flag().prefault(false).describe("Use this endpoint only while no other endpoint can be used."),
};

/** Endpoints whose addresses are of one kind, each as its address alone or a mapping. */
function endpointList(address: ReturnType<typeof upstreamAddress>) {
  const mapping = section(ENDPOINT, {
    address: address.describe(
      "host:port, [v6]:port or unix:/path; with discovery by SRV records, a name without a port.",
    ),
    ...endpointSettings,
  }).describe("An address that connections can go to.");
  const endpoint = z.union([shorthand(address, plainEndpoint), mapping], { error: ENDPOINT });
  return list(endpoint, "endpoints", "endpoint");
}

let endpointDefaults: SectionOutput<typeof endpointSettings> | undefined;

/** An endpoint given by its address alone. */
function plainEndpoint(address: Address) {
  endpointDefaults ??= section(ENDPOINT, endpointSettings).parse({}, { ...JITLESS });
  return { address, ...endpointDefaults };
}

const GROUP = "a mapping with endpoints";

const retry = section('a mapping such as "attempts: 3"', {
  attempts: count(1, 100).prefault(3).describe("How many endpoints are tried for one client."),
  timeout: duration().prefault("10s").describe("How long all attempts together may take. 0 is no limit."),
});

const healthCheck = section('a mapping such as "interval: 5s"', {
  interval: duration(MIN_CHECK_INTERVAL).prefault("5s").describe(
    "How often each endpoint is checked, give or take 10 %.",
  ),
  timeout: duration(1).prefault("2s").describe(
    "How long one check may take, connecting and answer included.",
  ),
  rise: count(1, 100).prefault(2).describe("Good checks in a row that bring an endpoint up."),
  fall: count(1, 100).prefault(3).describe("Bad checks in a row that take an endpoint down."),
  send: payload().optional().describe(
    'What to send once connected: text such as "PING\\r\\n", or bytes such as "hex:0d0a". Left out, nothing.',
  ),
  expect: payload().optional().describe(
    "What the answer must begin with, written the same way. Left out, an open connection is enough.",
  ),
  tls: flag().optional().describe(
    "Whether checks use TLS, with the upstream_tls of the first service that has it. Left out, they do as the " +
      "services that use the group; required where these differ.",
  ),
  proxy_protocol: choice("none", "v1", "v2").optional().describe(
    "The PROXY header that a check begins with: that of a connection of the proxy itself (LOCAL, or UNKNOWN in v1). " +
      "Left out, the version of the services that use the group; required where these differ.",
  ),
});

const passive = section('a mapping such as "failures: 5"', {
  failures: count(1, 1000).prefault(5).describe(
    "Failed connections of clients (not connected, or reset at once) that take an endpoint out.",
  ),
  window: duration(1).prefault("10s").describe("The time window in which failures are counted."),
  eject: duration(1).prefault("30s").describe("How long the endpoint stays out."),
});

const pool = section('a mapping such as "max_idle: 8"', {
  mode: choice("warm", "reuse").prefault("warm").describe(
    "warm hands out connections that were never used. reuse also takes used ones back, which is " +
      "for protocols without session state only.",
  ),
  max_idle: count(1, 1000).prefault(8).describe(
    "Connections that wait for each endpoint, in all threads together.",
  ),
  max_idle_time: duration(1).prefault("5s").describe("How long a waiting connection stays open."),
  quiet: duration(1).prefault("50ms").describe(
    "For reuse: how long the upstream must be silent before another client gets the connection.",
  ),
  max_uses: count(1, 1_000_000).prefault(1000).describe(
    "For reuse: how many clients one connection may serve.",
  ),
});

const discovery = section('a mapping such as "dns: srv"', {
  dns: choice("a", "srv").describe(
    "a: addresses of the endpoints' names, looked up again when their TTL has passed. " +
      "srv: SRV records of the endpoints' names, which bring ports, priorities and weights.",
  ),
  interval: duration(MIN_DISCOVERY_INTERVAL).prefault("10s").describe("How often SRV records are looked up."),
  server: nameServer().optional().describe(
    "The name server to ask, an IP address with a port or without one (53). Left out, those of the system.",
  ),
});

const groupSettings = {
  balance: choice(...POLICY_NAMES).prefault("round_robin")
    .describe("Which endpoint the next connection goes to."),
  retry: retry.prefault({}).describe("How to try other endpoints before the client's connection fails."),
  health_check: healthCheck.optional().describe(
    "Connects to each endpoint at intervals. Left out, there are no checks.",
  ),
  passive: passive.optional().describe(
    "Takes an endpoint out when connections of clients to it fail. Left out, it stays.",
  ),
  on_down: choice("keep", "close").prefault("keep").describe(
    "What happens to the open connections of an endpoint that goes down.",
  ),
  pool: pool.optional().describe("Opens connections before clients need them. Left out, none are."),
  discovery: discovery.optional().describe(
    "Finds endpoints in DNS. Left out, a name is looked up for each connection.",
  ),
};

/** A group with settings of its own. */
export const group = section(GROUP, {
  endpoints: endpointList(endpointAddress()).describe(
    "Where connections go: servers of the same service. With discovery, the names to look up.",
  ),
  ...groupSettings,
}).meta({ id: "group", description: "Endpoints that provide the same service." });

/**
 * Groups by name. A name may equal a property of every object, such as "constructor": `z.record` refuses a
 * mapping with such a key.
 */
export const namedGroups = codec<
  Readonly<Record<string, z.input<typeof group>>>,
  ReadonlyMap<string, GroupEntry>
>(
  (value, context) => {
    const groups = new Map<string, GroupEntry>();
    if (!isMapping(value)) {
      context.issues.push({ code: "custom", message: "a mapping of names to groups", input: value });
      return groups;
    }
    for (const [name, entry] of Object.entries(value)) {
      const { data, error } = group.safeParse(entry, JITLESS);
      if (data !== undefined) groups.set(name, data);
      for (const issue of error?.issues ?? []) {
        context.issues.push({ ...issue, input: entry, path: [name, ...issue.path] } as z.core.$ZodRawIssue);
      }
    }
    return groups;
  },
  (groups) => Object.fromEntries([...groups].map(([name, entry]) => [name, encode(group, entry)])),
);
setKind(namedGroups, { expected: "a mapping of names to groups", entries: group });
z.globalRegistry.add(namedGroups, {
  type: "object",
  propertyNames: { type: "string", pattern: GROUP_NAME_PATTERN },
  additionalProperties: { $ref: "#/$defs/group" },
});

/** Where connections go: an address, a list of endpoints, the name of a group, or a group. */
export const upstream = z.union([
  upstreamWord(),
  shorthand(endpointList(upstreamAddress()), (endpoints) => inPlace(plainGroup(endpoints))),
  z.codec(group, ANYTHING as z.ZodType<GroupInPlace, GroupInPlace>, {
    decode: inPlace,
    encode: (upstream) => upstream.group,
  }),
], { error: 'an address such as "db.internal:5432", a list of addresses or a group' }).meta({
  id: "upstream",
  description: "Where connections go: an address, the name of a group, a list of endpoints, or a group.",
});

/** A group after parsing. */
export type GroupEntry = z.output<typeof group>;

/** An upstream after parsing. */
export type UpstreamEntry = z.output<typeof upstream>;

/** A group that is written where it is used. */
interface GroupInPlace {
  readonly kind: "group";
  readonly group: GroupEntry;
}

let groupDefaults: SectionOutput<typeof groupSettings> | undefined;

/** A group given by its endpoints alone. */
function plainGroup(endpoints: GroupEntry["endpoints"]): GroupEntry {
  groupDefaults ??= section(GROUP, groupSettings).parse({}, { ...JITLESS });
  return { endpoints, ...groupDefaults };
}

/** A group whose only endpoint is an address. */
export function loneGroup(address: Address): GroupEntry {
  return plainGroup([plainEndpoint(address)]);
}

function isMapping(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function inPlace(group: GroupEntry): GroupInPlace {
  return { kind: "group", group };
}
