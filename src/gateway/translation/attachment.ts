/** Which listeners a route attaches to, and why it attaches to none. */

import type { Snapshot } from "../cluster/snapshot.ts";
import { type Condition, isFalse, isTrue } from "../conditions.ts";
import { intersection } from "../hostnames.ts";
import { GATEWAY_GROUP } from "../names.ts";
import { nameOf } from "../resources/meta.ts";
import type { Parent, Route } from "../resources/route.ts";
import type { Listener } from "../resources/gateway.ts";
import type { ListenerState } from "./listeners.ts";
import { allowsNamespace } from "./namespaces.ts";

/** What a route learns about one of its parents. */
export interface ParentState {
  readonly parent: Parent;
  readonly accepted: Condition;
}

/** Attaches a route to the listeners of its parents. Parents that are no Gateways of this controller are left out. */
export function attach(
  route: Route,
  gateways: ReadonlyMap<string, readonly ListenerState[]>,
  snapshot: Snapshot,
): ParentState[] {
  return route.parents.flatMap((parent) => {
    const { group, kind } = parent.target;
    if (group !== GATEWAY_GROUP || kind !== "Gateway") return [];
    const listeners = gateways.get(nameOf(parent.target));
    if (listeners === undefined) return [];
    return [{ parent, accepted: attachTo(listeners, parent, route, snapshot) }];
  });
}

function attachTo(
  listeners: readonly ListenerState[],
  { sectionName, port }: Parent,
  route: Route,
  snapshot: Snapshot,
): Condition {
  const named = listeners.filter(({ listener }) =>
    (sectionName === undefined || listener.name === sectionName) &&
    (port === undefined || listener.port === port)
  );
  if (named.length === 0) {
    const asked = [
      ...sectionName === undefined ? [] : [`name ${sectionName}`],
      ...port === undefined ? [] : [`port ${port}`],
    ];
    const what = asked.length === 0 ? "" : ` with the ${asked.join(" and the ")}`;
    return isFalse("Accepted", "NoMatchingParent", `The Gateway has no listener${what}`);
  }
  const allowing = named.filter(({ kinds, listener, gateway }) =>
    kinds.includes(route.kind) &&
    allowsNamespace(listener.namespaces, gateway.meta.namespace, route.meta.namespace, snapshot)
  );
  if (allowing.length === 0) {
    const message = `No listener takes a ${route.kind} of the namespace ${route.meta.namespace}`;
    return isFalse("Accepted", "NotAllowedByListeners", message);
  }
  const matches = allowing.flatMap((state) => {
    const hostnames = commonHostnames(route, state.listener);
    return hostnames.length === 0 ? [] : [{ state, hostnames }];
  });
  if (matches.length === 0) {
    const message = "No listener has a host name in common with the route";
    return isFalse("Accepted", "NoMatchingListenerHostname", message);
  }
  for (const { state: { attachments }, hostnames } of matches) {
    // A route may name a listener in several ways, one after the other.
    if (attachments.at(-1)?.route !== route) attachments.push({ route, hostnames });
  }
  return isTrue("Accepted");
}

/** The host names that a route has clients for at a listener; undefined is any. */
function commonHostnames(route: Route, { hostname, protocol }: Listener): (string | undefined)[] {
  if (protocol === "TCP") return [undefined];
  if (!route.hasHostnames) return [hostname];
  return [...new Set(route.hostnames.flatMap((each) => intersection(hostname, each) ?? []))];
}
