/** What Consul answers for the instances of a service (`/v1/health/service/NAME`), and the endpoints in it. */

import {
  type Address,
  checkHost,
  formatAddress,
  isIpLiteral,
  parseUpstreamAddress,
} from "../../../net/address.ts";
import type { DiscoveredEndpoint } from "../source.ts";

/** The checks that `consul maint` makes critical: of a node, and of an instance with its ID behind it. */
const NODE_MAINTENANCE = "_node_maintenance";
const SERVICE_MAINTENANCE = "_service_maintenance:";
const LARGEST_WEIGHT = 65_535;

export interface Instances {
  /** Sorted, each address once. */
  readonly endpoints: readonly DiscoveredEndpoint[];
  /** Why an instance cannot be an endpoint, by `instance ID of node NAME`. */
  readonly unusable: ReadonlyMap<string, Error>;
}

/**
 * Instances with a critical check are left out, and with `passingOnly` those with one that warns too. Those in
 * maintenance are drained.
 *
 * @param answer The parsed JSON.
 * @throws {TypeError} when it is no list.
 */
export function instancesIn(answer: unknown, passingOnly: boolean): Instances {
  if (!Array.isArray(answer)) throw new TypeError("the answer is no list of instances");
  const endpoints = new Map<string, DiscoveredEndpoint>();
  const unusable = new Map<string, Error>();
  for (const entry of answer) {
    const { node, service, checks } = partsOf(entry);
    const state = stateOf(checks);
    if (state === "critical" || state === "warning" && passingOnly) continue;
    let address: Address;
    try {
      address = addressOf(textIn(service, "Address") || textIn(node, "Address"), service["Port"]);
    } catch (error) {
      unusable.set(`instance ${textIn(service, "ID")} of node ${textIn(node, "Node")}`, error as Error);
      continue;
    }
    const weight = weightIn(service, state === "warning" ? "Warning" : "Passing");
    const key = formatAddress(address);
    const other = endpoints.get(key);
    // Of two instances with one address, the one that takes connections counts.
    if (other !== undefined && other.drain !== true) continue;
    endpoints.set(key, { address, weight, tier: 0, ...state === "maintenance" ? { drain: true } : {} });
  }
  const sorted = [...endpoints].sort(([a], [b]) => a < b ? -1 : 1).map(([, endpoint]) => endpoint);
  return { endpoints: sorted, unusable };
}

type Mapping = Readonly<Record<string, unknown>>;

function partsOf(entry: unknown): { node: Mapping; service: Mapping; checks: readonly Mapping[] } {
  const { Node, Service, Checks } = mapping(entry);
  return {
    node: mapping(Node),
    service: mapping(Service),
    checks: Array.isArray(Checks) ? Checks.map(mapping) : [],
  };
}

/** The worst state of all checks. One that Consul does not document counts as critical. */
function stateOf(checks: readonly Mapping[]): "passing" | "warning" | "critical" | "maintenance" {
  const isMaintenance = ({ CheckID }: Mapping) =>
    CheckID === NODE_MAINTENANCE || String(CheckID).startsWith(SERVICE_MAINTENANCE);
  const states = checks.filter((check) => !isMaintenance(check)).map(({ Status }) => Status);
  if (states.some((state) => state !== "passing" && state !== "warning")) return "critical";
  if (checks.some(isMaintenance)) return "maintenance";
  return states.includes("warning") ? "warning" : "passing";
}

/** @throws {SyntaxError} in words */
function addressOf(host: string, port: unknown): Address {
  if (typeof port !== "number" || port === 0) throw new SyntaxError("it has no port");
  if (host === "") throw new SyntaxError("it has no address");
  if (!isIpLiteral(host)) checkHost(host);
  return parseUpstreamAddress(host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`);
}

/** As in SRV records, 0 counts as 1, and there is a largest one. */
function weightIn(service: Mapping, key: "Passing" | "Warning"): number {
  const weight = mapping(service["Weights"])[key];
  return typeof weight === "number" && weight >= 1 ? Math.min(Math.floor(weight), LARGEST_WEIGHT) : 1;
}

function textIn(from: Mapping, key: string): string {
  const value = from[key];
  return typeof value === "string" ? value : "";
}

function mapping(value: unknown): Mapping {
  return typeof value === "object" && value !== null ? value as Mapping : {};
}
