/** The status of the objects of the Gateway API, as they should be stored. */

import { isDeepStrictEqual } from "node:util";
import {
  type JsonObject,
  listOf,
  objectOf,
  textOf,
} from "../../upstream/discovery/kubernetes/endpoint_slice.ts";
import { mapInSteps, type Steps } from "../../config/input/steps.ts";
import { isIpLiteral } from "../../net/address.ts";
import { statusPath } from "../cluster/collection.ts";
import { type Condition, isFalse, isNewer, isTrue, mergeConditions } from "../conditions.ts";
import { CONTROLLER_NAME, GATEWAY_GROUP, SUPPORTED_FEATURES } from "../names.ts";
import { type Meta, metaOf, nameOf } from "../resources/meta.ts";
import { readReference } from "../resources/reference.ts";
import type { Route } from "../resources/route.ts";
import type { ListenerState } from "./listeners.ts";
import { classRejection } from "./rejection.ts";
import type { GatewayState, RouteState, Translation } from "./translate.ts";

/** A status to write. */
export interface StatusUpdate {
  readonly path: string;
  /** The object, for the log. */
  readonly what: string;
  /** Another one if an object of this name was deleted, and created anew. */
  readonly uid: string;
  readonly resourceVersion: string;
  readonly status: JsonObject;
}

/** Why ports could not be bound, or not be served, by their number. */
export type PortFailures = ReadonlyMap<number, PortFailure>;

export interface PortFailure {
  readonly reason: "PortUnavailable" | "Invalid";
  readonly message: string;
}

/**
 * The status of all objects for which it is not what is stored, an object per step.
 *
 * @param now As the API writes times.
 * @param faults What is wrong with groups, by their names: their routes say so.
 */
export function* statusUpdates(
  translation: Translation,
  failures: PortFailures,
  now: string,
  faults: ReadonlyMap<string, string> = new Map(),
): Steps<StatusUpdate[]> {
  const { classes, gateways, routes, excess } = translation;
  const wrong = faultyRoutes(translation.ports, faults);
  const updates = [
    ...classes.map((object) => classUpdate(object, now)),
    ...gateways.map((state) => gatewayUpdate(state, translation, failures, now)),
    ...yield* mapInSteps(
      routes,
      (state) =>
        routeUpdate(
          state,
          { fault: wrong.get(state.route), excess: excess.get(state.route) },
          translation,
          now,
        ),
    ),
  ];
  return updates.filter((update) => update !== undefined);
}

/** The paths of the status of all objects, also where nothing changes. */
export function statusPaths({ classes, gateways, routes }: Translation): ReadonlySet<string> {
  return new Set([
    ...classes.map((object) => statusPath("gatewayclasses", metaOf(object))),
    ...gateways.map(({ gateway: { meta } }) => statusPath("gateways", meta)),
    ...routes.map(({ route: { kind, meta } }) => statusPath(kind, meta)),
  ]);
}

function classUpdate(object: JsonObject, now: string): StatusUpdate | undefined {
  const meta = metaOf(object);
  const before = objectOf(object.status);
  const accepted = classRejection(object) ?? isTrue("Accepted");
  return updateOf(object, meta, "gatewayclasses", before, {
    conditions: mergeConditions(before.conditions, [accepted], meta.generation, now),
    supportedFeatures: SUPPORTED_FEATURES.map((name) => ({ name })),
  });
}

function gatewayUpdate(
  { gateway, rejection, listeners }: GatewayState,
  reach: Pick<Translation, "addresses" | "awaitsAddress" | "excess">,
  failures: PortFailures,
  now: string,
): StatusUpdate | undefined {
  const { meta, object } = gateway;
  const before = objectOf(object.status);
  const stored = new Map(listOf(before.listeners).map(objectOf).map((each) => [each.name, each]));
  const conditionsOf = new Map(
    listeners.map((state) => [state, listenerConditions(state, rejection, failures)]),
  );
  const own = gatewayConditions({ gateway, rejection, listeners }, reach, conditionsOf);
  return updateOf(object, meta, "gateways", before, {
    addresses: reach.addresses.map((value) => ({
      type: isIpLiteral(value) ? "IPAddress" : "Hostname",
      value,
    })),
    conditions: mergeConditions(before.conditions, own, meta.generation, now),
    listeners: listeners.map((state) => ({
      name: state.listener.name,
      supportedKinds: state.kinds.map((kind) => ({ group: GATEWAY_GROUP, kind })),
      attachedRoutes: state.attachments.filter(({ route }) => !reach.excess.has(route)).length,
      conditions: mergeConditions(
        stored.get(state.listener.name)?.conditions,
        conditionsOf.get(state)!,
        meta.generation,
        now,
      ),
    })),
  });
}

function listenerConditions(
  state: ListenerState,
  rejection: Condition | undefined,
  failures: PortFailures,
): Condition[] {
  const { accepted, conflicted, resolvedRefs, isUsable } = state;
  const failure = isUsable ? failures.get(state.listener.port!) : undefined;
  const isUnavailable = failure?.reason === "PortUnavailable";
  const why = accepted.status === "False" ? accepted.message : rejection?.message ?? resolvedRefs.message;
  return [
    isUnavailable ? isFalse("Accepted", failure.reason, failure.message) : accepted,
    conflicted,
    resolvedRefs,
    isUsable && failure === undefined
      ? isTrue("Programmed")
      : isFalse("Programmed", "Invalid", failure?.message ?? why),
  ];
}

function gatewayConditions(
  { gateway, rejection, listeners }: GatewayState,
  { addresses, awaitsAddress }: Pick<Translation, "addresses" | "awaitsAddress">,
  conditionsOf: ReadonlyMap<ListenerState, readonly Condition[]>,
): Condition[] {
  const has = (state: ListenerState, type: string) =>
    conditionsOf.get(state)!.some((each) => each.type === type && each.status === "True");
  const rejected = listeners.filter((state) => !has(state, "Accepted"));
  const unresolved = listeners.filter((state) => !has(state, "ResolvedRefs"));
  const names = (states: readonly ListenerState[]) => states.map(({ listener }) => listener.name).join(", ");
  const missing = gateway.addresses.find(({ value }) => value !== undefined && !addresses.includes(value));
  const notValid = `Not accepted: ${names(rejected)}`;
  const accepted = rejection !== undefined
    ? rejection
    : rejected.length === listeners.length
    ? isFalse("Accepted", "ListenersNotValid", notValid)
    : rejected.length > 0
    ? isTrue("Accepted", "ListenersNotValid", notValid)
    : isTrue("Accepted");
  const programmed = accepted.status === "False"
    ? isFalse("Programmed", "Invalid", accepted.message)
    : missing !== undefined
    ? isFalse("Programmed", "AddressNotUsable", `Clients do not reach sluice at ${missing.value}`)
    : awaitsAddress
    ? isFalse("Programmed", "AddressNotAssigned", "The Service of --service has no address yet")
    : listeners.some((state) => has(state, "Programmed"))
    ? isTrue("Programmed")
    : isFalse("Programmed", "Invalid", "No listener can be served, see the conditions of each");
  const resolved = unresolved.length === 0
    ? isTrue("ResolvedRefs")
    : isFalse("ResolvedRefs", "ListenersNotResolved", `Not resolved: ${names(unresolved)}`);
  return [accepted, programmed, resolved];
}

function routeUpdate(
  { route, parents, backends }: RouteState,
  { fault, excess }: { readonly fault: string | undefined; readonly excess: string | undefined },
  { isElsewhere }: Pick<Translation, "isElsewhere">,
  now: string,
): StatusUpdate | undefined {
  const { meta, object, kind } = route;
  const before = objectOf(object.status);
  const resolvedRefs = fault === undefined
    ? backends?.resolvedRefs
    : isFalse("ResolvedRefs", "UnsupportedValue", fault);
  const wanted = new Map(parents.map(({ parent, accepted }) => {
    const { group, kind, namespace, name, sectionName, port } = parent.written;
    const parentRef = defined({ group, kind, namespace, name, sectionName, port });
    return [keyOf(parentRef), { parentRef, conditions: [acceptedIn(accepted, excess), resolvedRefs!] }];
  }));
  const complete = ({ parentRef, conditions }: ParentConditions, old: JsonObject): JsonObject => ({
    parentRef,
    controllerName: CONTROLLER_NAME,
    conditions: mergeConditions(old.conditions, conditions, meta.generation, now),
  });
  // Entries of others stay where they are.
  const stored = listOf(before.parents).map(objectOf).flatMap((old) => {
    if (old.controllerName !== CONTROLLER_NAME) return [old];
    const key = keyOf(old.parentRef);
    const own = wanted.get(key);
    wanted.delete(key);
    if (own !== undefined) return [complete(own, old)];
    const target = readReference(old.parentRef, { group: "", kind: "", namespace: meta.namespace });
    return isElsewhere(nameOf(target)) ? [old] : [];
  });
  const added = [...wanted.values()].map((own) => complete(own, {}));
  return updateOf(object, meta, kind, before, { parents: [...stored, ...added] });
}

function acceptedIn(accepted: Condition, excess: string | undefined): Condition {
  return excess === undefined || accepted.status === "False"
    ? accepted
    : isFalse("Accepted", "TooManyRoutes", excess);
}

/** What is wrong with routes that have a group at fault on some port. */
function faultyRoutes(
  ports: Translation["ports"],
  faults: ReadonlyMap<string, string>,
): ReadonlyMap<Route, string> {
  const found = new Map<Route, string>();
  if (faults.size === 0) return found;
  for (const [name, { routes }] of ports.flatMap(({ groups }) => [...groups])) {
    const fault = faults.get(name);
    if (fault === undefined) continue;
    for (const route of routes) found.set(route, fault);
  }
  return found;
}

interface ParentConditions {
  readonly parentRef: JsonObject;
  readonly conditions: readonly Condition[];
}

/** The same for the same reference. */
function keyOf(parentRef: unknown): string {
  const { group, kind, namespace, name, sectionName, port } = objectOf(parentRef);
  return JSON.stringify([group, kind, namespace, name, sectionName, port]);
}

/** Undefined where nothing changes, or where what is stored is about a later version of the object. */
function updateOf(
  object: JsonObject,
  meta: Meta,
  resource: Parameters<typeof statusPath>[0],
  before: JsonObject,
  wanted: JsonObject,
): StatusUpdate | undefined {
  const parents = listOf(before.parents).map(objectOf).filter(({ controllerName }) =>
    controllerName === CONTROLLER_NAME
  );
  if ([before, ...parents].some(({ conditions }) => isNewer(conditions, meta.generation))) return undefined;
  const changed = Object.entries(wanted).filter(([key, value]) =>
    !isDeepStrictEqual(before[key] ?? [], value)
  );
  if (changed.length === 0) return undefined;
  const { uid, resourceVersion } = objectOf(object.metadata);
  return {
    path: statusPath(resource, meta),
    what: `${String(object.kind ?? resource)} ${nameOf(meta)}`,
    uid: textOf(uid) ?? "",
    resourceVersion: textOf(resourceVersion) ?? "",
    status: Object.fromEntries(changed),
  };
}

function defined(object: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}
