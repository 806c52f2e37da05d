/** The name of this controller, and the names of the API that it implements. */

/** The `controllerName` of the GatewayClasses that it implements, and of the status that it writes. */
export const CONTROLLER_NAME = "sluice.dev/gateway";

export const GATEWAY_GROUP = "gateway.networking.k8s.io";

export const ROUTE_KINDS = ["TCPRoute", "TLSRoute"] as const;
export type RouteKind = typeof ROUTE_KINDS[number];

/** Features beyond the core, by their names in the conformance tests. Sorted, as the API requires. */
export const SUPPORTED_FEATURES = [
  "Gateway",
  "GatewayPort8080",
  "ReferenceGrant",
  "TCPRoute",
  "TLSRoute",
  "TLSRouteModeMixed",
  "TLSRouteModeTerminate",
] as const;
