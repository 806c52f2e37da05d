/** The shape of a route: its conditions, and where it leads. */

import type { z } from "zod";
import { addressBlocks, ports } from "./address_fields.ts";
import { protocols, serverNames } from "./client_hello_fields.ts";
import { upstream } from "./group_schema.ts";
import { section } from "./section.ts";

/** What a route asks of the TLS ClientHello. */
const helloConditions = {
  sni: serverNames().optional().describe(
    'Server names in the TLS ClientHello: one, a pattern such as "*.example.com", which stands for one label, ' +
      "or a list. Left out, any, and connections without TLS too.",
  ),
  alpn: protocols().optional().describe(
    'Protocols that the TLS ClientHello offers at least one of: "h2", or a list. Left out, any, and connections ' +
      "without TLS too.",
  ),
};

/** Conditions for which a service without TLS of its own peeks at the ClientHello. */
export const HELLO_CONDITIONS = Object.keys(helloConditions) as readonly (keyof typeof helloConditions)[];

export const route = section("a mapping with upstream, and conditions such as source_ip", {
  source_port: ports().optional().describe(
    'Ports of the client: one, a range such as "40000-40999", or a list. Left out, any.',
  ),
  source_ip: addressBlocks().optional().describe(
    'Addresses of the client: one, a block such as "10.1.0.0/16", or a list. Left out, any.',
  ),
  listen_port: ports().optional().describe(
    "Ports of the service that the client connected to: one, a range, or a list. Left out, any.",
  ),
  ...helloConditions,
  upstream: upstream.describe(
    "The upstream of clients that meet all conditions, written like that of a service.",
  ),
}).describe("Where some clients of a service go: those that meet all conditions.");

/** A route after parsing. */
export type RouteEntry = z.output<typeof route>;
