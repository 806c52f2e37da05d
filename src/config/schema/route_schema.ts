/** The shape of a route: its conditions, and where it leads. */

import { addressList, ports } from "./address_fields.ts";
import { clientConditions } from "./client_fields.ts";
import { protocols, serverNameList } from "./client_hello_fields.ts";
import { flag } from "./fields.ts";
import { beginnings, protocolNames } from "./first_bytes_fields.ts";
import { upstream } from "./group_schema.ts";
import { section } from "./section.ts";
import { routeTls } from "./tls_schema.ts";

/** What a route asks of the client's first bytes: of those inside TLS, if that ends before the route is chosen. */
const byteConditions = {
  protocol: protocolNames().optional().describe(
    "The protocol that the client's first bytes begin: one, or a list. Left out, any.",
  ),
  starts_with: beginnings().optional().describe(
    'What the client sends first: text such as "HELO", bytes such as "hex:160301", or a list of these. Left out, anything.',
  ),
  silent: flag().optional().describe(
    "true: clients that send nothing for peek.timeout, because they wait for the server's greeting. false: clients " +
      "that send something. Left out, both.",
  ),
};

/** What a route asks of the TLS ClientHello. */
const helloConditions = {
  sni: serverNameList().optional().describe(
    'Server names in the TLS ClientHello: one, a pattern such as "*.example.com", which stands for one label, ' +
      'or "**.example.com" for one or more, a file, or a list. Left out, any, and connections without TLS too.',
  ),
  alpn: protocols().optional().describe(
    'Protocols that the TLS ClientHello offers at least one of: "h2", or a list. Left out, any, and connections ' +
      "without TLS too.",
  ),
};

/** Conditions for which a service peeks at what a client sends first. */
export const BYTE_CONDITIONS = Object.keys(byteConditions) as readonly (keyof typeof byteConditions)[];

/** Conditions for which a service without TLS of its own peeks at the ClientHello. */
export const HELLO_CONDITIONS = Object.keys(helloConditions) as readonly (keyof typeof helloConditions)[];

export const route = section("a mapping with upstream, and conditions such as source_ip", {
  source_port: ports().optional().describe(
    'Ports of the client: one, a range such as "40000-40999", or a list. Left out, any.',
  ),
  source_ip: addressList().optional().describe(
    'Addresses of the client: one, a block such as "10.1.0.0/16", a file, or a list. Left out, any.',
  ),
  listen_port: ports().optional().describe(
    "Ports of the service that the client connected to: one, a range, or a list. Left out, any.",
  ),
  ...clientConditions,
  ...byteConditions,
  ...helloConditions,
  tls: routeTls.optional().describe(
    "TLS with the clients of this route; false passes theirs through. Where a route has it, routes are chosen before TLS " +
      "begins. Left out, the tls of the service.",
  ),
  upstream: upstream.describe(
    "The upstream of clients that meet all conditions, written like that of a service.",
  ),
}).describe("Where some clients of a service go: those that meet all conditions.");

/** Keys of a route that are not conditions. */
export const OUTCOMES: readonly string[] = ["tls", "upstream"];
