/** Objects of the Gateway API and of Kubernetes, with what a test says and nothing else. */

import type { JsonObject } from "../../../src/upstream/discovery/kubernetes/endpoint_slice.ts";

export const GROUP = "gateway.networking.k8s.io";
/** The namespace of objects that name none. */
export const NAMESPACE = "prod";

/** Keys of an object besides those that its function sets. */
type Keys = Readonly<Record<string, unknown>>;

export function gatewayClass(name = "sluice", keys: Keys = {}): JsonObject {
  return {
    apiVersion: `${GROUP}/v1`,
    kind: "GatewayClass",
    metadata: { name, generation: 1, resourceVersion: "1" },
    spec: { controllerName: "sluice.dev/gateway", ...keys },
  };
}

export function gateway(name: string, listeners: readonly Keys[], keys: Keys = {}): JsonObject {
  return {
    ...named("Gateway", name, keys),
    spec: { gatewayClassName: "sluice", listeners, ...keys },
  };
}

export function tcpListener(name: string, port: number, keys: Keys = {}): Keys {
  return { name, port, protocol: "TCP", ...keys };
}

/** One that passes TLS through. */
export function tlsListener(name: string, port: number, hostname?: string, keys: Keys = {}): Keys {
  const named = hostname === undefined ? {} : { hostname };
  return { name, port, protocol: "TLS", ...named, tls: { mode: "Passthrough" }, ...keys };
}

/** One that ends TLS with the certificate in a Secret. */
export function endingListener(name: string, port: number, hostname: string, secret: Keys): Keys {
  return { name, port, protocol: "TLS", hostname, tls: { mode: "Terminate", certificateRefs: [secret] } };
}

/** @param created When, in seconds. */
export function tcpRoute(name: string, parents: readonly Keys[], backends: readonly Keys[], created = 0) {
  return {
    ...named("TCPRoute", name, { created }),
    spec: { parentRefs: parents, rules: [{ backendRefs: backends }] },
  };
}

export function tlsRoute(
  name: string,
  parents: readonly Keys[],
  hostnames: readonly string[],
  backends: readonly Keys[],
  created = 0,
) {
  return {
    ...named("TLSRoute", name, { created }),
    spec: { parentRefs: parents, hostnames, rules: [{ backendRefs: backends }] },
  };
}

/** A Service with a port of TCP. */
export function service(name: string, port: number, keys: Keys = {}): JsonObject {
  return {
    ...named("Service", name, keys),
    apiVersion: "v1",
    spec: { ports: [{ name: "main", port, protocol: "TCP" }], ...keys },
  };
}

/** An EndpointSlice with addresses such as `10.0.0.1:8080`, all with the same port. */
export function slice(service: string, addresses: readonly string[], keys: Keys = {}): JsonObject {
  const ports = addresses.slice(0, 1).map((each) => ({
    name: "main",
    port: Number(each.split(":")[1]),
    protocol: "TCP",
  }));
  const object = named("EndpointSlice", `${service}-1`, keys);
  return {
    ...object,
    apiVersion: "discovery.k8s.io/v1",
    metadata: { ...object.metadata as Keys, labels: { "kubernetes.io/service-name": service } },
    addressType: "IPv4",
    ports,
    endpoints: addresses.map((each) => ({ addresses: [each.split(":")[0]], conditions: { ready: true } })),
  };
}

export function namespace(name: string, labels: Keys): JsonObject {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, labels, resourceVersion: "1" } };
}

/** Lets a kind of a namespace refer to a kind, or one object of it, in the namespace `within`. */
export function grant(
  within: string,
  from: readonly [kind: string, namespace: string],
  to: readonly [kind: string, name?: string],
): JsonObject {
  const [kind, source] = from;
  const [target, name] = to;
  return {
    ...named("ReferenceGrant", `${kind}-${source}`.toLowerCase(), { namespace: within }),
    spec: {
      from: [{ group: GROUP, kind, namespace: source }],
      to: [{ group: "", kind: target, ...name === undefined ? {} : { name } }],
    },
  };
}

/** A Secret of the type kubernetes.io/tls. */
export function secret(
  name: string,
  { cert, key }: { readonly cert: string; readonly key: string },
  keys: Keys = {},
) {
  return {
    ...named("Secret", name, keys),
    apiVersion: "v1",
    type: "kubernetes.io/tls",
    data: { "tls.crt": btoa(cert), "tls.key": btoa(key) },
  };
}

/** The same object in another namespace. */
export function within(place: string, object: JsonObject): JsonObject {
  return { ...object, metadata: { ...object.metadata as Keys, namespace: place } };
}

function named(kind: string, name: string, keys: Keys): JsonObject {
  const { namespace = NAMESPACE, created = 0 } = keys;
  return {
    apiVersion: `${GROUP}/v1`,
    kind,
    metadata: {
      name,
      namespace,
      generation: 1,
      resourceVersion: "1",
      creationTimestamp: `2026-01-01T00:${String(created).padStart(2, "0")}:00Z`,
    },
  };
}
