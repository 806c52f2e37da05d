/** The shape of an upstream group: its keys, what they mean, and what they are when they are left out. */

import * as z from "zod";
import type { Address } from "../../net/address.ts";
import { POLICY_NAMES } from "../../upstream/balance/registry.ts";
import { GROUP_NAME_PATTERN } from "../values/address_text.ts";
import { endpointAddress, upstreamAddress, upstreamWord } from "./address_fields.ts";
import { discovery } from "./discovery_schema.ts";
import { choice, count, duration, flag, share } from "./fields.ts";
import { healthCheck } from "./health_check_schema.ts";
import { waiting } from "./waiting_fields.ts";
import { ANYTHING, codec, setKind } from "../values/scalar.ts";
import { encode, JITLESS, list, section, type SectionOutput, shorthand } from "./section.ts";

/** The shortest time between two rebalances, in milliseconds: less is a flood. */
const MIN_REBALANCE_INTERVAL = 100;

const ENDPOINT = "an address or a mapping with address";

const endpointSettings = {
  weight: count(1, 1000).prefault(1).describe(
    "The endpoint's share of the connections, in proportion to the others' weights.",
  ),
  max_connections: count(0, 1_000_000).prefault(0).describe(
    "Connections to the endpoint at the same time, of all services together. 0 is no limit.",
  ),
  tier: count(0, 9).optional().describe(
    "Endpoints of the lowest tier that has a usable one get the connections. Left out, 0, or 1 with backup.",
  ),
  backup: flag().prefault(false).describe("Use this endpoint only while none of tier 0 can be used: tier 1."),
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

/** An endpoint of a group. */
export type EndpointEntry = z.output<ReturnType<typeof endpointList>>[number];

const retry = section('a mapping such as "attempts: 3"', {
  attempts: count(1, 100).prefault(3).describe("How many endpoints are tried for one client."),
  timeout: duration().prefault("10s").describe("How long all attempts together may take. 0 is no limit."),
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

const RECOVER = 'keep, close or a mapping such as "action: close"';

const onRecover = z.union([
  shorthand(choice("keep", "close"), (action) => ({ action, spread: 0 })),
  section(RECOVER, {
    action: choice("keep", "close").describe("keep leaves them open, close ends them."),
    spread: duration().prefault(0).describe(
      "How long closing them takes, those that have been idle for longest first. 0 closes them at once.",
    ),
  }).describe("What happens to open connections of higher tiers, and how fast."),
], { error: RECOVER });

const rebalance = section('a mapping such as "share: 5%"', {
  share: share().prefault("5%").describe("The largest part of an endpoint's connections to close each time."),
  every: duration(MIN_REBALANCE_INTERVAL).prefault("1m").describe("How often connections are closed."),
  quiet: duration(1).prefault("2s").describe(
    "Closes only connections on which no byte has come from either side for this long.",
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
  on_recover: onRecover.optional().describe(
    "What happens to the open connections of higher tiers when an endpoint of a lower tier is usable again. " +
      "Left out, they stay.",
  ),
  stick: choice("none", "endpoint").optional().describe(
    "endpoint: all new connections go to the endpoint where the last one went, until it fails. Left out, none.",
  ),
  slow_start: duration().prefault(0).describe(
    "After an endpoint comes up, its share of new connections grows over this time to that of its weight. " +
      "0 gives it the whole share at once.",
  ),
  rebalance: rebalance.optional().describe(
    "Closes idle connections of endpoints that have more than their share, so that clients connect again. " +
      "Left out, none.",
  ),
  drain_idle: duration().prefault(0).describe(
    "Closes connections of an endpoint that an operator drains once no byte has come from either side for this long. " +
      "0 closes none.",
  ),
  ...waiting,
  pool: pool.optional().describe("Opens connections before clients need them. Left out, none are."),
  discovery: discovery.optional().describe(
    "Finds endpoints elsewhere: in DNS, a file, Consul or Kubernetes. Left out, a name is looked up for each connection.",
  ),
};

/** A group with settings of its own. */
export const group = section(GROUP, {
  endpoints: endpointList(endpointAddress()).optional().describe(
    "Where connections go: servers of the same service. With discovery by dns, the names to look up; with any other " +
      "source, left out.",
  ),
  ...groupSettings,
}).meta({
  anyOf: [{ required: ["endpoints"] }, { required: ["discovery"] }],
  id: "group",
  description: "Endpoints that provide the same service.",
});

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
function plainGroup(endpoints: readonly EndpointEntry[]): GroupEntry {
  groupDefaults ??= section(GROUP, groupSettings).parse({}, { ...JITLESS });
  return { endpoints, ...groupDefaults };
}

/** A group whose only endpoint is an address. */
export function loneGroup(address: Address): GroupEntry {
  return plainGroup([plainEndpoint(address)]);
}

export function isMapping(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function inPlace(group: GroupEntry): GroupInPlace {
  return { kind: "group", group };
}
