/** EndpointSlices of the Kubernetes API (discovery.k8s.io/v1), as far as discovery reads them. */

export interface EndpointSlice {
  readonly name: string;
  /** IPv4, IPv6 or FQDN; a slice has addresses of one type. */
  readonly addressType: string;
  /** Empty if it says nothing of ports, as that of a headless Service without ports. */
  readonly ports: readonly SlicePort[];
  readonly endpoints: readonly SliceEndpoint[];
}

export interface SlicePort {
  /** Empty if it has none. */
  readonly name: string;
  /** Undefined if the slice has only its name. */
  readonly port: number | undefined;
  readonly protocol: string;
}

export interface SliceEndpoint {
  /** The first of its addresses; the API lets consumers leave the others out. */
  readonly address: string;
  /** Gets new connections. */
  readonly isReady: boolean;
  /** Terminates, and still answers: keeps its connections, and gets no new ones. */
  readonly isDraining: boolean;
  readonly zone: string | undefined;
  /** The zones that should use it; undefined if the control plane gave no hint. */
  readonly hintedZones: readonly string[] | undefined;
  /** What identifies the pod behind it; undefined if it is no pod. */
  readonly pod: string | undefined;
}

/** An object of JSON, of unknown content. */
export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * Reads a slice; undefined if it has no name.
 *
 * Conditions that are missing have the values that the API defines: ready and serving are true, terminating is false.
 *
 * @see https://kubernetes.io/docs/reference/kubernetes-api/service-resources/endpoint-slice-v1/
 */
export function readSlice(value: unknown): EndpointSlice | undefined {
  const slice = objectOf(value);
  const name = textOf(objectOf(slice.metadata).name);
  if (name === undefined) return undefined;
  return {
    name,
    addressType: textOf(slice.addressType) ?? "",
    ports: listOf(slice.ports).map(readPort),
    endpoints: listOf(slice.endpoints).flatMap(readEndpoint),
  };
}

/** The value as an object; an empty one if it is anything else. */
export function objectOf(value: unknown): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value as JsonObject : {};
}

/** The value as a list; an empty one if it is anything else. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The value if it is a text with at least one character. */
export function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function readPort(value: unknown): SlicePort {
  const { name, port, protocol } = objectOf(value);
  return {
    name: textOf(name) ?? "",
    port: typeof port === "number" ? port : undefined,
    protocol: textOf(protocol) ?? "TCP",
  };
}

function readEndpoint(value: unknown): SliceEndpoint[] {
  const endpoint = objectOf(value);
  const address = textOf(listOf(endpoint.addresses)[0]);
  if (address === undefined) return [];
  const conditions = objectOf(endpoint.conditions);
  const isReady = conditions.ready !== false;
  const hinted = objectOf(endpoint.hints).forZones;
  return [{
    address,
    isReady,
    isDraining: !isReady && conditions.serving !== false && conditions.terminating === true,
    zone: textOf(endpoint.zone),
    hintedZones: Array.isArray(hinted)
      ? hinted.flatMap((zone) => textOf(objectOf(zone).name) ?? [])
      : undefined,
    pod: textOf(objectOf(endpoint.targetRef).uid),
  }];
}
