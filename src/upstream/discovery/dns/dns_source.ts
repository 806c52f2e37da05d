/** `discovery: { dns: … }`: endpoints from DNS. */

import { formatAddress } from "../../../net/address.ts";
import { tierOf } from "../../endpoint.ts";
import type { DiscoverySource } from "../source.ts";
import { discover } from "./discover.ts";
import { DnsResolver } from "./resolver.ts";

export const dnsSource: DiscoverySource<"dns"> = {
  verb: ["look up", "looked up"],
  describe: (dns, { server }) =>
    `DNS (${dns === "srv" ? "SRV records" : "addresses"}${
      server === undefined ? "" : `, ${formatAddress(server)}`
    })`,
  run(dns, { discovery, entries, events, parts, signal }) {
    const { interval, server } = discovery;
    return discover({
      dns,
      interval: interval!,
      entries: entries.map((endpoint) => {
        const { address, weight } = endpoint;
        // Decoding the configuration ensures this: only names are looked up.
        const { hostname, port } = address as Extract<typeof address, { transport: "tcp" }>;
        return { name: hostname, port, weight, tier: tierOf(endpoint) };
      }),
      onEndpoints: (found) =>
        events.endpoints(found.map(({ source, ...endpoint }) => ({
          ...endpoint,
          maxConnections: entries[source]!.maxConnections,
        }))),
      onAnswer: (name) => events.answered(name),
      onForgotten: (name) => events.forgotten(name),
      onError: (name, error) => events.failed(name, error),
      signal,
    }, { ...parts, resolver: parts.resolver ?? new DnsResolver(server) });
  },
};
