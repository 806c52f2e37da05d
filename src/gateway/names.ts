/** Who this controller is, and what it reads. */

/** The `controllerName` of the GatewayClasses that it implements, and of the status that it writes. */
export const CONTROLLER_NAME = "sluice.dev/gateway";

export const GATEWAY_GROUP = "gateway.networking.k8s.io";

export const ROUTE_KINDS = ["TCPRoute", "TLSRoute"] as const;
export type RouteKind = typeof ROUTE_KINDS[number];

/** What it supports beyond the core of these, as the conformance tests call it. Sorted, as the API asks. */
export const SUPPORTED_FEATURES = [
  "Gateway",
  "GatewayPort8080",
  "ReferenceGrant",
  "TCPRoute",
  "TLSRoute",
  "TLSRouteModeMixed",
  "TLSRouteModeTerminate",
] as const;
