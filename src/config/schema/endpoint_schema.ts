/** The shape of the endpoints of an upstream group. */

import { z } from "zod";
import type { Address } from "../../net/address.ts";
import type { upstreamAddress } from "./address_fields.ts";
import { count, flag } from "./fields.ts";
import { section } from "./section.ts";

const ENDPOINT = "an address or a mapping with address";

const endpointSettings = section(ENDPOINT, {
  weight: count(1, 1000).prefault(1).describe(
    "The endpoint's share of the connections, in proportion to the others' weights.",
  ),
  max_connections: count(0, 1_000_000).prefault(0).describe(
    "Connections to the endpoint at the same time, of all services together. 0 is no limit.",
  ),
  backup: flag().prefault(false).describe("Use this endpoint only while none of the others can be used."),
});

/** An endpoint after parsing. */
export type EndpointEntry = ReturnType<typeof plainEndpoint>;

/** Endpoints whose addresses are of one kind, each as its address alone or a mapping. */
export function endpointList(address: ReturnType<typeof upstreamAddress>) {
  const mapping = section(ENDPOINT, {
    address: address.describe(
      "host:port, [v6]:port or unix:/path; with discovery by SRV records, a name without a port.",
    ),
    ...endpointSettings.shape,
  });
  const endpoint = z.union([address.transform(plainEndpoint), mapping], { error: ENDPOINT });
  return z.array(endpoint, { error: "a list of endpoints" }).min(1, { error: "at least one endpoint" });
}

/** An endpoint of which nothing is known but its address. */
export function plainEndpoint(address: Address) {
  return { address, ...endpointSettings.parse({}) };
}
