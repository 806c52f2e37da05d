/** Which listeners of Gateways can be served, and why others cannot. */

import type { Snapshot } from "../cluster/snapshot.ts";
import { type Condition, isFalse, isTrue } from "../conditions.ts";
import { GATEWAY_GROUP, type RouteKind } from "../names.ts";
import type { Gateway, Listener } from "../resources/gateway.ts";
import type { Route } from "../resources/route.ts";
import type { Grant } from "../resources/reference.ts";
import type { KeyPair } from "../resources/secret.ts";
import { certificatesOf } from "./certificates.ts";

/** A route that a listener takes clients for. */
export interface Attachment {
  readonly route: Route;
  /** Host names that both the route and the listener have; undefined is any client. */
  readonly hostnames: readonly (string | undefined)[];
}

/** A listener, and all that was found out about it. */
export interface ListenerState {
  readonly gateway: Gateway;
  readonly listener: Listener;
  /** The kinds of routes that may attach to it. */
  readonly kinds: readonly RouteKind[];
  /** Certificates with which it ends TLS; empty where it does not. */
  readonly pairs: readonly KeyPair[];
  readonly accepted: Condition;
  readonly conflicted: Condition;
  readonly resolvedRefs: Condition;
  /** Whether it takes clients, once a route is attached. */
  readonly isUsable: boolean;
  /** The routes that are attached, the oldest first. */
  readonly attachments: Attachment[];
}

const MODES = ["Passthrough", "Terminate"];

/** What is found out about a listener without others. */
interface Verdict {
  readonly kinds: readonly RouteKind[];
  /** Why it is not accepted. */
  readonly rejection: Condition | undefined;
}

/**
 * Looks at all listeners of all Gateways: they share one machine.
 *
 * @param rejections Of Gateways whose listeners must not be served, whatever these say.
 */
export function examineListeners(
  gateways: readonly Gateway[],
  rejections: ReadonlyMap<Gateway, Condition>,
  grants: readonly Grant[],
  snapshot: Snapshot,
): ListenerState[] {
  const all = gateways.flatMap((gateway) => gateway.listeners.map((listener) => ({ gateway, listener })));
  const conflicts = findConflicts(all.map(({ listener }) => listener));
  return all.map(({ gateway, listener }) => {
    const state = examine(gateway, listener, conflicts.get(listener), grants, snapshot);
    return rejections.has(gateway) ? { ...state, isUsable: false } : state;
  });
}

function examine(
  gateway: Gateway,
  listener: Listener,
  conflict: Conflict | undefined,
  grants: readonly Grant[],
  snapshot: Snapshot,
): ListenerState {
  const { kinds: supported, rejection } = verdictOf(listener, gateway);
  const wrongKinds = listener.kinds.filter(({ group, kind }) =>
    group !== GATEWAY_GROUP || !supported.some((each) => each === kind)
  );
  const kinds = listener.kinds.length === 0
    ? supported
    : supported.filter((each) =>
      listener.kinds.some(({ group, kind }) => group === GATEWAY_GROUP && kind === each)
    );
  const endsTls = listener.protocol === "TLS" && listener.mode === "Terminate" && rejection === undefined;
  const { pairs, problem } = endsTls
    ? certificatesOf(listener, gateway, grants, snapshot)
    : { pairs: [], problem: undefined };
  const resolvedRefs = problem ?? (wrongKinds.length > 0 ? wrongKindsOf(wrongKinds) : isTrue("ResolvedRefs"));
  const accepted = rejection ??
    (conflict === undefined ? isTrue("Accepted") : isFalse("Accepted", conflict.reason, conflict.message));
  return {
    gateway,
    listener,
    kinds,
    pairs,
    accepted,
    conflicted: conflict === undefined
      ? isFalse("Conflicted", "NoConflicts", "")
      : isTrue("Conflicted", conflict.reason, conflict.message),
    resolvedRefs,
    isUsable: accepted.status === "True" && problem === undefined && kinds.length > 0,
    attachments: [],
  };
}

function verdictOf(listener: Listener, { verifiesClients }: Gateway): Verdict {
  const { protocol, mode } = listener;
  const reject = (reason: string, message: string, kinds: readonly RouteKind[] = []): Verdict => ({
    kinds,
    rejection: isFalse("Accepted", reason, message),
  });
  if (protocol !== "TCP" && protocol !== "TLS") {
    return reject(
      "UnsupportedProtocol",
      `sluice has no listeners of the protocol ${protocol}: expected TCP or TLS`,
    );
  }
  if (listener.port === undefined) return reject("PortUnavailable", "The port is no number from 1 to 65535");
  if (protocol === "TCP") return { kinds: ["TCPRoute"], rejection: undefined };
  if (!MODES.includes(mode)) {
    return reject("UnsupportedValue", `sluice has no TLS mode ${mode}: expected ${MODES.join(" or ")}`);
  }
  if (listener.hasWrongHostname) return reject("UnsupportedValue", `${listener.hostname} is no host name`);
  if (mode === "Passthrough") return { kinds: ["TLSRoute"], rejection: undefined };
  const kinds: RouteKind[] = ["TLSRoute", "TCPRoute"];
  if (!verifiesClients) return { kinds, rejection: undefined };
  const message = "sluice does not ask clients of a Gateway for certificates: remove spec.tls.frontend";
  return reject("UnsupportedValue", message, kinds);
}

function wrongKindsOf(wrong: Listener["kinds"]): Condition {
  const names = wrong.map(({ group, kind }) => group === GATEWAY_GROUP ? kind : `${group}/${kind}`);
  return isFalse(
    "ResolvedRefs",
    "InvalidRouteKinds",
    `The listener cannot have routes of ${names.join(", ")}`,
  );
}

interface Conflict {
  readonly reason: "HostnameConflict" | "ProtocolConflict";
  readonly message: string;
}

/**
 * The conflicts of listeners on the same port. No listener in a conflict is served: a Gateway does not say which is
 * older, and the wrong choice would send clients to another owner.
 */
function findConflicts(listeners: readonly Listener[]): ReadonlyMap<Listener, Conflict> {
  const conflicts = new Map<Listener, Conflict>();
  const stream = listeners.filter(({ port, protocol }) => port !== undefined && protocol !== "UDP");
  for (const [port, sharing] of Map.groupBy(stream, (listener) => listener.port!)) {
    const hasTcp = sharing.some(({ protocol }) => protocol === "TCP");
    for (const listener of sharing) {
      const others = sharing.filter((other) => other !== listener);
      const different = others.find(({ protocol }) => hasTcp && protocol !== listener.protocol);
      const same = others.find((other) =>
        other.protocol === listener.protocol && (hasTcp || other.hostname === listener.hostname)
      );
      if (different !== undefined) {
        const message =
          `Port ${port} is also that of the listener ${different.name}, of the protocol ${different.protocol}`;
        conflicts.set(listener, { reason: "ProtocolConflict", message });
      } else if (same !== undefined) {
        const name = listener.hostname === undefined ? "" : ` and the host name ${listener.hostname}`;
        const message = `Port ${port}${name} are also those of the listener ${same.name}`;
        conflicts.set(listener, { reason: "HostnameConflict", message });
      }
    }
  }
  return conflicts;
}
