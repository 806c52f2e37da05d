/** EndpointSlices as the Kubernetes API gives them. */

export interface FakeEndpoint {
  readonly address: string;
  readonly ready?: boolean;
  readonly serving?: boolean;
  readonly terminating?: boolean;
  readonly zone?: string;
  readonly hints?: readonly string[];
  readonly pod?: string;
}

export interface FakeSlice {
  readonly name?: string;
  readonly type?: string;
  readonly ports?: readonly unknown[] | null;
  readonly version?: string;
}

/** A slice of the service "db" with the port "postgres" (5432). */
export function sliceObject(endpoints: readonly (string | FakeEndpoint)[], slice: FakeSlice = {}) {
  const { name = "db-1", type = "IPv4", version = "1" } = slice;
  const ports = slice.ports === undefined ? [{ name: "postgres", port: 5432, protocol: "TCP" }] : slice.ports;
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name, resourceVersion: version, labels: { "kubernetes.io/service-name": "db" } },
    addressType: type,
    ports,
    endpoints: endpoints.map((each) => endpointObject(typeof each === "string" ? { address: each } : each)),
  };
}

function endpointObject({ address, zone, hints, pod, ...conditions }: FakeEndpoint) {
  return {
    addresses: [address],
    conditions,
    ...zone === undefined ? {} : { zone },
    ...hints === undefined ? {} : { hints: { forZones: hints.map((name) => ({ name })) } },
    ...pod === undefined ? {} : { targetRef: { kind: "Pod", uid: pod } },
  };
}
