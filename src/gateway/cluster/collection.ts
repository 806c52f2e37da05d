/** The collections of the Kubernetes API that this controller lists and watches. */

import { GATEWAY_GROUP, type RouteKind } from "../names.ts";

export interface Collection {
  /** Such as `/api/v1/namespaces/prod/services`. */
  readonly path: string;
  /** The only object that is wanted; undefined is all. A Role can then be for this object alone. */
  readonly only: string | undefined;
  /** In words, for the log. */
  readonly what: string;
  /** Whether labels are read. */
  readonly readsLabels: boolean;
}

const GATEWAY_API = `/apis/${GATEWAY_GROUP}/v1`;

const RESOURCES: Readonly<Record<RouteKind, string>> = { TCPRoute: "tcproutes", TLSRoute: "tlsroutes" };

export const CLASSES: Collection = all(`${GATEWAY_API}/gatewayclasses`, "GatewayClasses");
export const GATEWAYS: Collection = all(`${GATEWAY_API}/gateways`, "Gateways");
export const GRANTS: Collection = all(`${GATEWAY_API}/referencegrants`, "ReferenceGrants");
export const NAMESPACES: Collection = { ...all("/api/v1/namespaces", "Namespaces"), readsLabels: true };

export function routesOf(kind: RouteKind): Collection {
  return all(`${GATEWAY_API}/${RESOURCES[kind]}`, `${kind}s`);
}

export function servicesIn(namespace: string): Collection {
  return all(`/api/v1/namespaces/${encodeURIComponent(namespace)}/services`, `Services in ${namespace}`);
}

export function slicesIn(namespace: string): Collection {
  const path = `/apis/discovery.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/endpointslices`;
  return { ...all(path, `EndpointSlices in ${namespace}`), readsLabels: true };
}

export function secretCalled(
  { namespace, name }: { readonly namespace: string; readonly name: string },
): Collection {
  return {
    path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/secrets`,
    only: name,
    what: `Secret ${namespace}/${name}`,
    readsLabels: false,
  };
}

/** Whether the rest can be served where the API server refuses this one. */
export function isOptional(collection: Collection): boolean {
  return collection.path.includes("/namespaces/") || collection === NAMESPACES;
}

/** The path of the status of an object. */
export function statusPath(
  resource: "gatewayclasses" | "gateways" | RouteKind,
  { namespace, name }: { readonly namespace: string; readonly name: string },
): string {
  const plural = resource === "TCPRoute" || resource === "TLSRoute" ? RESOURCES[resource] : resource;
  const place = namespace === "" ? "" : `/namespaces/${encodeURIComponent(namespace)}`;
  return `${GATEWAY_API}${place}/${plural}/${encodeURIComponent(name)}/status`;
}

/** The same for the same collection. */
export function keyOf({ path, only }: Collection): string {
  return only === undefined ? path : `${path}?${only}`;
}

function all(path: string, what: string): Collection {
  return { path, only: undefined, what, readsLabels: false };
}
