/** What a cluster asks for, as services of sluice and the status of its objects. */

import { mapInSteps, type Steps, stepThrough } from "../../config/input/steps.ts";
import { CLASSES, GATEWAYS, GRANTS, routesOf, servicesIn } from "../cluster/collection.ts";
import type { Snapshot } from "../cluster/snapshot.ts";
import type { Condition } from "../conditions.ts";
import { CONTROLLER_NAME, ROUTE_KINDS } from "../names.ts";
import {
  type JsonObject,
  listOf,
  objectOf,
  textOf,
} from "../../upstream/discovery/kubernetes/endpoint_slice.ts";
import { type Gateway, readGateway } from "../resources/gateway.ts";
import { byAge, metaOf, type Named, nameOf } from "../resources/meta.ts";
import { readGrant } from "../resources/reference.ts";
import { readRoute, type Route } from "../resources/route.ts";
import { attach, type ParentState } from "./attachment.ts";
import { resolveBackends, type RouteBackends, unreadBackends } from "./backends.ts";
import { examineListeners, type ListenerState } from "./listeners.ts";
import { planPorts, type PortPlan } from "./ports.ts";
import { classRejection, gatewayRejection } from "./rejection.ts";
import { fitted } from "./room.ts";

export interface GatewayOptions {
  /** The name of the GatewayClass. */
  readonly className: string;
  /** The only Gateway to serve; undefined serves all of the class. */
  readonly gateway: Named | undefined;
  /** Where clients reach it: IP addresses and host names. */
  readonly addresses: readonly string[];
  /** The Service through which clients reach it. */
  readonly service: Named | undefined;
}

/** All that was found out. */
export interface Translation {
  readonly ports: readonly PortPlan[];
  /** Routes that sluice has no room for, and why. */
  readonly excess: ReadonlyMap<Route, string>;
  readonly classes: readonly JsonObject[];
  readonly gateways: readonly GatewayState[];
  readonly routes: readonly RouteState[];
  /** Whether another sluice may serve the Gateway of this name. Its entries in the status of routes are kept. */
  readonly isElsewhere: (gateway: string) => boolean;
  /** Where clients reach all Gateways. */
  readonly addresses: readonly string[];
  /** Whether the Service that should have an address has none yet. */
  readonly awaitsAddress: boolean;
}

export interface GatewayState {
  readonly gateway: Gateway;
  /** Why none of its listeners is served. */
  readonly rejection: Condition | undefined;
  readonly listeners: readonly ListenerState[];
}

export interface RouteState {
  readonly route: Route;
  /** Those that this controller serves. */
  readonly parents: readonly ParentState[];
  readonly backends: RouteBackends | undefined;
}

/** Translates a cluster, a route per step. Never throws: what is wrong with an object is in its status. */
export function* translate(snapshot: Snapshot, options: GatewayOptions): Steps<Translation> {
  const classes = snapshot.of(CLASSES).objects.filter((each) =>
    metaOf(each).name === options.className && objectOf(each.spec).controllerName === CONTROLLER_NAME
  );
  const gateways = classes.length === 0 ? [] : servedGateways(snapshot, options);
  const grants = snapshot.of(GRANTS).objects.map(readGrant);
  const ofClass = classes.map(classRejection).find((each) => each !== undefined);
  const rejections = new Map(gateways.flatMap((gateway) => {
    const rejection = ofClass ?? gatewayRejection(gateway);
    return rejection === undefined ? [] : [[gateway, rejection] as const];
  }));
  const listeners = examineListeners(gateways, rejections, grants, snapshot);
  const byGateway = Map.groupBy(listeners, ({ gateway }) => nameOf(gateway.meta));
  const known = new Map(gateways.map(({ meta }) => [nameOf(meta), byGateway.get(nameOf(meta)) ?? []]));
  const backends = new Map<Route, RouteBackends>();
  const routes = yield* mapInSteps(yield* allRoutes(snapshot), (route): RouteState => {
    const parents = attach(route, known, snapshot);
    // Of routes for other controllers, nothing is read.
    if (parents.length === 0) return { route, parents, backends: undefined };
    const isAccepted = parents.some(({ accepted }) => accepted.status === "True");
    const found = isAccepted ? resolveBackends(route, grants, snapshot) : unreadBackends(route, grants);
    backends.set(route, found);
    return { route, parents, backends: found };
  });
  const { addresses, awaitsAddress } = addressesOf(snapshot, options);
  const { ports, excess } = fitted(yield* planPorts(listeners, backends));
  return {
    ports,
    excess,
    classes,
    gateways: gateways.map((gateway) => ({
      gateway,
      rejection: rejections.get(gateway),
      listeners: known.get(nameOf(gateway.meta))!,
    })),
    routes,
    isElsewhere: elsewhere(snapshot, options, new Set(known.keys())),
    addresses,
    awaitsAddress,
  };
}

function elsewhere(snapshot: Snapshot, { gateway: only }: GatewayOptions, served: ReadonlySet<string>) {
  if (only !== undefined) return (gateway: string) => gateway !== nameOf(only);
  const classes = snapshot.of(CLASSES).objects.filter(({ spec }) =>
    objectOf(spec).controllerName === CONTROLLER_NAME
  );
  const names = new Set(classes.map((each) => metaOf(each).name));
  const others = snapshot.of(GATEWAYS).objects.map(readGateway).filter(({ className, meta }) =>
    names.has(className) && !served.has(nameOf(meta))
  );
  const found = new Set(others.map(({ meta }) => nameOf(meta)));
  return (gateway: string) => found.has(gateway);
}

function servedGateways(snapshot: Snapshot, { className, gateway: only }: GatewayOptions): Gateway[] {
  return snapshot.of(GATEWAYS).objects.map(readGateway).filter((gateway) =>
    gateway.className === className && (only === undefined || nameOf(only) === nameOf(gateway.meta))
  ).sort(byAge);
}

function* allRoutes(snapshot: Snapshot): Steps<Route[]> {
  const all: Route[] = [];
  for (const kind of ROUTE_KINDS) {
    const { objects } = snapshot.of(routesOf(kind));
    yield* stepThrough(objects, (object) => void all.push(readRoute(kind, object)));
  }
  return all.sort(byAge);
}

function addressesOf(snapshot: Snapshot, { addresses, service }: GatewayOptions) {
  if (service === undefined) return { addresses, awaitsAddress: false };
  const object = snapshot.find(servicesIn(service.namespace), service.name);
  const found = object === undefined ? [] : serviceAddresses(object);
  const all = [...new Set([...addresses, ...found])];
  return { addresses: all, awaitsAddress: all.length === 0 };
}

/** Those of its load balancer; for a Service without one, those in the cluster. */
function serviceAddresses(service: JsonObject): string[] {
  const { type, clusterIPs } = objectOf(service.spec);
  if (type !== "LoadBalancer") {
    return listOf(clusterIPs).flatMap((each) => textOf(each) ?? []).filter((each) => each !== "None");
  }
  const { ingress } = objectOf(objectOf(service.status).loadBalancer);
  return listOf(ingress).flatMap((each) =>
    textOf(objectOf(each).ip) ?? textOf(objectOf(each).hostname) ?? []
  );
}
