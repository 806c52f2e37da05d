/** One service of sluice for each port that listeners share: its routes, the most specific host name first. */

import { createHash } from "node:crypto";
import { type Steps, stepThrough } from "../../config/input/steps.ts";
import { bySpecificity, covers } from "../hostnames.ts";
import { byAge } from "../resources/meta.ts";
import type { Route } from "../resources/route.ts";
import type { KeyPair } from "../resources/secret.ts";
import type { RouteBackends } from "./backends.ts";
import { REFUSING_ADDRESS } from "./backends.ts";
import type { ListenerState } from "./listeners.ts";
import type { Share } from "./shares.ts";

/** What a port does. */
export interface PortPlan {
  readonly port: number;
  /** The first that matches decides. Empty where every client goes to {@linkcode upstream}. */
  readonly routes: readonly PlannedRoute[];
  /** Undefined refuses clients that no route matches. */
  readonly upstream: string | undefined;
  readonly groups: ReadonlyMap<string, PlannedGroup>;
}

export interface PlannedRoute {
  /** Patterns of server names as sluice writes them; undefined is any client that begins with TLS. */
  readonly sni: readonly string[] | undefined;
  /** Certificates with which it ends TLS; empty passes TLS through. */
  readonly pairs: readonly KeyPair[];
  readonly group: string;
}

export interface PlannedGroup {
  readonly endpoints: readonly Share[];
  /** Whether an endpoint refuses its share: other endpoints must not be tried in its place. */
  readonly refuses: boolean;
  /** Those whose clients it gets, the oldest first. */
  readonly routes: readonly Route[];
}

/** The name of the group of a port whose clients are refused. */
export function refusingGroupName(port: number): string {
  return `refused.${port}`;
}

/** A group that refuses all clients. */
export function refusingGroup(): PlannedGroup {
  return { endpoints: [{ address: REFUSING_ADDRESS, weight: 1 }], refuses: true, routes: [] };
}

/** Protocols whose clients say which host they want. */
const NAMED_PROTOCOLS = ["TLS", "HTTPS"];
/** The longest name of a group. */
const LONGEST_NAME = 64;
/** 128 bits: names of two groups with the same hash cannot be searched for. */
const HASH_LENGTH = 32;

/** Plans for all ports that have a route. */
export function* planPorts(
  listeners: readonly ListenerState[],
  backends: ReadonlyMap<Route, RouteBackends>,
): Steps<PortPlan[]> {
  const ports = Map.groupBy(listeners.filter(hasClients), ({ listener }) => listener.port!);
  const plans: PortPlan[] = [];
  for (const [port, sharing] of ports) {
    const plan = yield* new PortPlanner(port, backends).plan(sharing);
    if (plan !== undefined) plans.push(plan);
  }
  return plans.sort((a, b) => a.port - b.port);
}

/**
 * Whether clients come for a listener. Those of one that is not accepted are refused by their host name: a less
 * specific listener, which may take routes of other namespaces, must not get them.
 */
function hasClients({ accepted, listener }: ListenerState): boolean {
  if (accepted.status === "True") return true;
  return NAMED_PROTOCOLS.includes(listener.protocol) && listener.port !== undefined &&
    !listener.hasWrongHostname;
}

class PortPlanner {
  readonly #port: number;
  readonly #backends: ReadonlyMap<Route, RouteBackends>;
  readonly #groups = new Map<string, PlannedGroup>();
  readonly #keys = new Map<Route, string>();
  /** Routes with the same backends, the oldest first. */
  #sharing: ReadonlyMap<string, readonly Route[]> = new Map();

  constructor(port: number, backends: ReadonlyMap<Route, RouteBackends>) {
    this.#port = port;
    this.#backends = backends;
  }

  *plan(listeners: readonly ListenerState[]): Steps<PortPlan | undefined> {
    const served = listeners.filter(({ isUsable, attachments }) => isUsable && attachments.length > 0);
    const [first] = served;
    if (first === undefined) return undefined;
    const attached = new Set(served.flatMap(({ attachments }) => attachments.map(({ route }) => route)));
    yield* stepThrough(attached, (route) => void this.#keys.set(route, backendsKey(route)));
    this.#sharing = Map.groupBy([...attached].sort(byAge), (route) => this.#keys.get(route)!);
    yield;
    // One for TCP shares its port with no other one that is usable. Of its routes, the oldest gets all clients.
    if (first.listener.protocol === "TCP") {
      const upstream = this.#groupOf(first.attachments[0]!.route);
      return { port: this.#port, routes: [], upstream, groups: this.#groups };
    }
    const hostnames = Map.groupBy(listeners, ({ listener: { hostname } }) => hostname);
    const ordered = [...hostnames.keys()].sort(bySpecificity);
    const routes: PlannedRoute[] = [];
    for (const [index, hostname] of ordered.entries()) {
      // Of several with the same host name, which conflict, none is usable.
      const state = hostnames.get(hostname)!.find(({ isUsable }) => isUsable);
      if (state !== undefined) yield* this.#addRoutes(routes, state);
      routes.push(...this.#refusalsOf(hostname, state, ordered.slice(index + 1)));
      yield;
    }
    return { port: this.#port, routes, upstream: undefined, groups: this.#groups };
  }

  *#addRoutes(routes: PlannedRoute[], { attachments, pairs }: ListenerState): Steps<void> {
    const owners = new Map<string | undefined, Route>();
    // A TCPRoute names no host, so a TLSRoute is more specific. Of the same kind, the oldest has precedence.
    const ranked = attachments.toSorted((a, b) => b.route.kind.localeCompare(a.route.kind));
    for (const { route, hostnames } of ranked) {
      for (const hostname of hostnames) if (!owners.has(hostname)) owners.set(hostname, route);
    }
    yield;
    const ordered = [...owners].sort(([a], [b]) => bySpecificity(a, b));
    let last: { readonly group: string; readonly sni: string[] } | undefined;
    for (const [hostname, route] of ordered) {
      const group = this.#groupOf(route);
      if (hostname === undefined) routes.push({ sni: undefined, pairs, group });
      else if (last?.group === group) last.sni.push(patternOf(hostname));
      else {
        last = { group, sni: [patternOf(hostname)] };
        routes.push({ ...last, pairs });
      }
      yield;
    }
  }

  /** Clients of a listener must not get to another one, also where none of its routes is for them. */
  #refusalsOf(
    hostname: string | undefined,
    usable: ListenerState | undefined,
    later: readonly (string | undefined)[],
  ): PlannedRoute[] {
    if (hostname === undefined || !later.some((each) => covers(each, hostname))) return [];
    if (usable?.attachments.some(({ hostnames }) => hostnames.includes(hostname))) return [];
    const group = refusingGroupName(this.#port);
    this.#groups.set(group, refusingGroup());
    return [{ sni: [patternOf(hostname)], pairs: [], group }];
  }

  #groupOf(route: Route): string {
    const routes = this.#sharing.get(this.#keys.get(route)!)!;
    const name = groupName(routes[0]!, this.#port);
    if (!this.#groups.has(name)) {
      const { endpoints, refuses } = this.#backends.get(route)!;
      this.#groups.set(name, { endpoints, refuses, routes });
    }
    return name;
  }
}

/** The same for routes whose clients go to the same endpoints. A grant is for a kind and a namespace. */
function backendsKey({ kind, meta: { namespace }, backends }: Route): string {
  return JSON.stringify([kind, namespace, ...backends]);
}

/** Such as `tls.prod.db.443`. A long one ends with a hash in place of its end. */
function groupName({ kind, meta: { namespace, name } }: Route, port: number): string {
  const whole = `${kind === "TLSRoute" ? "tls" : "tcp"}.${namespace}.${name}.${port}`;
  if (whole.length <= LONGEST_NAME) return whole;
  const hash = createHash("sha256").update(whole).digest("hex").slice(0, HASH_LENGTH);
  return `${whole.slice(0, LONGEST_NAME - HASH_LENGTH - 1)}-${hash}`;
}

/** A wildcard of the Gateway API stands for one label or more. */
function patternOf(hostname: string): string {
  return hostname.startsWith("*.") ? `*${hostname}` : hostname;
}
