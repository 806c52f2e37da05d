/** The endpoints of a service, from all of its EndpointSlices. */

import { formatAddress, hostKey, isIpLiteral, type TcpAddress } from "../../../net/address.ts";
import type { EndpointSlice, SliceEndpoint, SlicePort } from "./endpoint_slice.ts";

export interface ServiceEndpoint {
  /** An IP address and a port. */
  readonly address: TcpAddress;
  /** Whether it is meant for the zone of this proxy; always, if no zone is configured. */
  readonly isPreferred: boolean;
  /** Whether it keeps its connections, but gets no new ones. */
  readonly isDraining: boolean;
}

export interface EndpointSelection {
  /**
   * The name of a port, as in the Service, or its number, as in the pods. Undefined is the only TCP port that the
   * slices have.
   */
  readonly port?: string | number | undefined;
  /** The zone of this proxy, such as "eu-west-1a"; empty or undefined if no endpoint is to be preferred. */
  readonly zone?: string | undefined;
}

export interface ServiceEndpoints {
  /** Sorted by address, and each address once. */
  readonly endpoints: readonly ServiceEndpoint[];
  /** Why slices were left out, in sentences; each once. */
  readonly problems: readonly string[];
}

interface Found {
  readonly endpoint: SliceEndpoint;
  readonly family: "IPv4" | "IPv6";
  readonly address: TcpAddress;
}

/**
 * The endpoints of a service. An address that several slices have, which may be so while the control plane moves it,
 * counts once, as ready if one of them says so. A pod with addresses of both families is one endpoint, with its IPv4
 * address.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { endpointsOf } from "./slice_endpoints.ts";
 * import { readSlice } from "./endpoint_slice.ts";
 *
 * const slice = readSlice({
 *   metadata: { name: "db-1" },
 *   addressType: "IPv4",
 *   ports: [{ name: "postgres", port: 5432, protocol: "TCP" }],
 *   endpoints: [{ addresses: ["10.0.0.1"], conditions: { ready: true } }],
 * })!;
 * const { endpoints } = endpointsOf([slice], { port: "postgres", zone: undefined });
 * assert.equal(endpoints[0]?.address.hostname, "10.0.0.1");
 * ```
 */
export function endpointsOf(slices: Iterable<EndpointSlice>, selection: EndpointSelection): ServiceEndpoints {
  const problems = new Set<string>();
  const found = [...slices].flatMap((slice) => foundIn(slice, selection.port, problems));
  const usable = withoutSecondFamily(found);
  const isPreferred = preferenceOf(usable, selection.zone);
  const endpoints = new Map<string, ServiceEndpoint>();
  for (const { endpoint, address } of usable) {
    const key = formatAddress(address);
    const before = endpoints.get(key);
    endpoints.set(key, {
      address,
      isPreferred: isPreferred(endpoint) || before?.isPreferred === true,
      isDraining: endpoint.isDraining && before?.isDraining !== false,
    });
  }
  const sorted = [...endpoints].sort(([a], [b]) => a < b ? -1 : Number(a > b));
  return { endpoints: sorted.map(([, endpoint]) => endpoint), problems: [...problems] };
}

function foundIn(
  { name, addressType, ports, endpoints }: EndpointSlice,
  port: string | number | undefined,
  problems: Set<string>,
): Found[] {
  if (addressType !== "IPv4" && addressType !== "IPv6") {
    problems.add(
      `EndpointSlice ${name} is ignored: its addresses are of type ${addressType}, not IPv4 or IPv6`,
    );
    return [];
  }
  const number = portOf(ports, port);
  if (typeof number === "string") {
    // A slice without endpoints has no ports either.
    if (endpoints.length > 0) problems.add(`EndpointSlice ${name} is ignored: ${number}`);
    return [];
  }
  return endpoints.flatMap((endpoint) => {
    if (!endpoint.isReady && !endpoint.isDraining || !isIpLiteral(endpoint.address)) return [];
    const address: TcpAddress = { transport: "tcp", hostname: hostKey(endpoint.address), port: number };
    return [{ endpoint, family: addressType, address }];
  });
}

/** The number of the port that is asked for, or why there is none. */
function portOf(
  ports: readonly SlicePort[],
  asked: string | number | undefined,
): number | string {
  if (ports.length === 0) {
    if (typeof asked === "number") return asked;
    return "it names no ports, so discovery.kubernetes.port must be a number";
  }
  const usable = ports.filter(({ protocol, port }) => protocol === "TCP" && port !== undefined);
  const fits = usable.filter(({ name, port }) => asked === undefined || (asked === name || asked === port));
  const numbers = new Set(fits.map(({ port }) => port!));
  if (numbers.size === 1) return fits[0]!.port!;
  const listed = usable.map(({ name, port }) => name === "" ? `${port}` : `${name} (${port})`).join(", ") ||
    "none";
  if (numbers.size === 0) {
    return `it has no TCP port${asked === undefined ? "" : ` ${asked}`}; those of its pods are: ${listed}`;
  }
  return `it has several TCP ports, of which discovery.kubernetes.port must name one: ${listed}`;
}

/** Without the IPv6 addresses of pods that have an IPv4 address as well. */
function withoutSecondFamily(found: readonly Found[]): Found[] {
  const pods = new Set(found.map(({ endpoint, family }) => family === "IPv4" ? endpoint.pod : undefined));
  return found.filter(({ endpoint, family }) =>
    family === "IPv4" || endpoint.pod === undefined || !pods.has(endpoint.pod)
  );
}

/**
 * Which endpoints are meant for a zone: those whose hints name it, if all that are ready have hints, as in kube-proxy;
 * otherwise those that are in it.
 *
 * @see https://kubernetes.io/docs/concepts/services-networking/topology-aware-routing/
 */
function preferenceOf(
  found: readonly Found[],
  zone: string | undefined,
): (endpoint: SliceEndpoint) => boolean {
  if (zone === undefined || zone === "") return () => true;
  const haveHints = found.every(({ endpoint }) => !endpoint.isReady || endpoint.hintedZones !== undefined);
  return haveHints
    ? ({ hintedZones }) => hintedZones?.includes(zone) === true
    : (endpoint) => endpoint.zone === zone;
}
