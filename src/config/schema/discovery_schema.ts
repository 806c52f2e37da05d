/** The shape of discovery: where the endpoints of a group come from when they are not in the configuration. */

import type * as z from "zod";
import { filePath, type PathResolver } from "../values/file_path.ts";
import { httpUrl, nameServer } from "./address_fields.ts";
import { choice, count, duration, flag, matching } from "./fields.ts";
import { scalars, textOf, Unexpected } from "../values/scalar.ts";
import { completeKubernetes, kubernetes } from "./kubernetes_schema.ts";
import { section } from "./section.ts";

/** The shortest time between two look-ups, in milliseconds: less is a flood. */
const MIN_INTERVAL = 100;
/** In milliseconds. */
const DEFAULT_INTERVAL = 10_000;

const consul = section('a mapping such as "service: db"', {
  service: consulName("db").describe("The name of the service."),
  address: httpUrl('an address such as "http://127.0.0.1:8500"', {
    assumed: "http",
    credentials: "a token has a key of its own",
    hasPath: false,
  }).prefault("http://127.0.0.1:8500").describe(
    "Where Consul's HTTP API is: http or https, a host and a port.",
  ),
  tag: tags().prefault([]).describe("Tags that an instance must have, one or a list: all of them."),
  datacenter: consulName("west").optional().describe(
    "The datacenter to ask for. Left out, that of the agent.",
  ),
  passing_only: flag().prefault(false).describe(
    "true leaves out instances with a check that warns. Those with a critical one are left out in any case.",
  ),
  // What a header can contain unchanged (RFC 9110 section 5.5).
  token: matching("^[!-~]{1,4096}$", "a token of printable ASCII characters without spaces", {
    isSecret: true,
  })
    .optional().describe("The token for X-Consul-Token, with service:read and node:read."),
  token_file: filePath("consul.token").optional().describe(
    "A file with the token, read before each request.",
  ),
  ca: filePath("consul-ca.pem").optional().describe(
    "A PEM file with authorities to trust besides those that Deno trusts, for https.",
  ),
  wait: duration(1000, false).prefault("5m").describe(
    "How long Consul may hold a request until something changes, at most 10m.",
  ),
});

/** How Consul is asked. */
export type ConsulEntry = z.output<typeof consul>;

/** The sources of endpoints: a group has one of them. `src/upstream/discovery/registry.ts` has what they do. */
const sources = {
  dns: choice("a", "srv").optional().describe(
    "a: addresses of the endpoints' names, looked up again when their TTL has passed. " +
      "srv: SRV records of the endpoints' names, which bring ports, priorities and weights.",
  ),
  file: filePath("targets.json").optional().describe(
    "A file with the endpoints, JSON or YAML as Prometheus reads it (file_sd), read again when it changes.",
  ),
  consul: consul.optional().describe(
    "The healthy instances of a service in Consul, which says when they change.",
  ),
  kubernetes: kubernetes.optional().describe(
    "The endpoints of a Service in Kubernetes, from its EndpointSlices, as they change.",
  ),
};

/** The name of a source of endpoints. */
export type SourceName = keyof typeof sources;

/** The names of the sources of endpoints. */
export const SOURCE_NAMES = Object.keys(sources) as SourceName[];

/** Keys that only some sources read, and those sources. */
export const KEYS_OF_SOURCES: Readonly<Record<string, readonly SourceName[]>> = {
  interval: ["dns"],
  server: ["dns"],
  max_connections: SOURCE_NAMES.filter((name) => name !== "dns"),
};

export const discovery = section('a mapping such as "dns: srv"', {
  ...sources,
  interval: duration(MIN_INTERVAL).optional().describe(
    "With dns: how often SRV records are looked up. Left out, 10s.",
  ),
  server: nameServer().optional().describe(
    "With dns: the name server to ask, an IP address with a port or without one (53). Left out, those of the system.",
  ),
  max_connections: count(0, 1_000_000).optional().describe(
    "With any other source: connections to each endpoint at the same time, of all services together, where the " +
      "source says nothing else. 0 or left out, no limit.",
  ),
}).meta({ oneOf: SOURCE_NAMES.map((key) => ({ required: [key] })) });

/** How endpoints are found; one of the sources is set. Paths are absolute. */
export type DiscoveryEntry = Partial<z.output<typeof discovery>>;

/** Fills in what follows from the source, and makes paths absolute. */
export function completeDiscovery(entry: DiscoveryEntry, pathOf: PathResolver): DiscoveryEntry {
  const { dns, file, consul, kubernetes, interval = DEFAULT_INTERVAL } = entry;
  return {
    ...entry,
    interval: dns === undefined ? undefined : interval,
    file: file && pathOf(file),
    consul: consul &&
      {
        ...consul,
        tokenFile: consul.tokenFile && pathOf(consul.tokenFile),
        ca: consul.ca && pathOf(consul.ca),
      },
    kubernetes: kubernetes && completeKubernetes(kubernetes, pathOf),
  };
}

/** The name of something in Consul, as it stands in a path or a query. */
function consulName(example: string) {
  return matching("^[^\\s\\p{C}]{1,255}$", `a name such as "${example}"`);
}

function tags() {
  return scalars<string, string>({
    expected: 'a tag such as "primary"',
    parse: (value) => {
      if (textOf(value) === "") throw new Unexpected();
      return [textOf(value)];
    },
    json: [{ type: "string", minLength: 1 }],
  });
}
