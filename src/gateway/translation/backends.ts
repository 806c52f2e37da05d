/** Where the clients of a route go: the endpoints of its Services, each with its share. */

import { formatAddress } from "../../net/address.ts";
import {
  type EndpointSlice,
  type JsonObject,
  listOf,
  objectOf,
  readSlice,
  textOf,
} from "../../upstream/discovery/kubernetes/endpoint_slice.ts";
import { endpointsOf } from "../../upstream/discovery/kubernetes/slice_endpoints.ts";
import { servicesIn, slicesIn } from "../cluster/collection.ts";
import type { Snapshot } from "../cluster/snapshot.ts";
import { type Condition, isFalse, isTrue, isUnknown } from "../conditions.ts";
import { labelsOf, nameOf } from "../resources/meta.ts";
import { type Grant, isPermitted } from "../resources/reference.ts";
import type { Backend, Route } from "../resources/route.ts";
import { type Share, sharesOf } from "./shares.ts";

/** The endpoints of a route. */
export interface RouteBackends {
  readonly endpoints: readonly Share[];
  /** Whether some clients, or all, are refused: their backend cannot be used. */
  readonly refuses: boolean;
  readonly resolvedRefs: Condition;
}

/** A connection to it always fails: nothing is there, and only root can create it. */
export const REFUSING_ADDRESS = "unix:/nonexistent/no-backend";

/** How many ports a message names. */
const MOST_NAMED = 10;

/** The addresses of a backend, or why it cannot be used. */
type Resolved = readonly string[] | Condition;

/** Resolves the backends of a route. A backend that cannot be used keeps its share: these clients are refused. */
export function resolveBackends(
  route: Route,
  grants: readonly Grant[],
  snapshot: Snapshot,
): RouteBackends {
  const resolved = route.backends.map((backend) => resolve(backend, route, grants, snapshot));
  const problems = resolved.filter((each): each is Condition => !Array.isArray(each));
  const backends = route.backends.map(({ weight }, index) => {
    const found = resolved[index]!;
    return { weight, addresses: Array.isArray(found) && found.length > 0 ? found : [REFUSING_ADDRESS] };
  });
  const endpoints = sharesOf(backends);
  const all = endpoints.length > 0 ? endpoints : [{ address: REFUSING_ADDRESS, weight: 1 }];
  return {
    endpoints: all,
    refuses: all.some(({ address }) => address === REFUSING_ADDRESS),
    resolvedRefs: problems.length === 0 ? isTrue("ResolvedRefs") : joined(problems),
  };
}

/**
 * The backends of a route that no listener accepts: nothing is read for them, as any route can name any Gateway. Faults
 * of the references themselves are reported.
 */
export function unreadBackends(route: Route, grants: readonly Grant[]): RouteBackends {
  const problems = route.backends.flatMap((backend) => problemOf(backend, route, grants) ?? []);
  const message = "Backends are looked up once a listener accepts the route";
  const resolvedRefs = problems.length > 0 ? joined(problems) : isUnknown("ResolvedRefs", "Pending", message);
  return { endpoints: [], refuses: true, resolvedRefs };
}

/** What is wrong with a reference, whatever it refers to. */
function problemOf(
  { target }: Backend,
  { kind, meta: { namespace } }: Route,
  grants: readonly Grant[],
): Condition | undefined {
  const name = nameOf(target);
  if (target.group !== "" || target.kind !== "Service") {
    const message = `Cannot connect to a ${target.kind}${
      target.group && ` of ${target.group}`
    }: expected a Service`;
    return unresolved("InvalidKind", message);
  }
  if (!isPermitted({ kind, namespace }, target, grants)) {
    const message =
      `No ReferenceGrant in ${target.namespace} lets a ${kind} of ${namespace} use the Service ${name}`;
    return unresolved("RefNotPermitted", message);
  }
  return undefined;
}

function resolve(backend: Backend, route: Route, grants: readonly Grant[], snapshot: Snapshot): Resolved {
  const problem = problemOf(backend, route, grants);
  if (problem !== undefined) return problem;
  const { target, port } = backend;
  const name = nameOf(target);
  const services = servicesIn(target.namespace);
  const { refusal } = snapshot.of(services);
  if (refusal !== undefined) {
    return unresolved("BackendNotFound", `Cannot read the Service ${name}: ${refusal}`);
  }
  const service = snapshot.find(services, target.name);
  if (service === undefined) return unresolved("BackendNotFound", `The Service ${name} does not exist`);
  const spec = objectOf(service.spec);
  if (spec.type === "ExternalName") {
    return unresolved(
      "UnsupportedProtocol",
      `The Service ${name} is of type ExternalName, which has no endpoints`,
    );
  }
  const ports = listOf(spec.ports).map(objectOf);
  const found = ports.filter((each) => each.port === port && port !== undefined);
  const tcp = found.find(({ protocol }) => (textOf(protocol) ?? "TCP") === "TCP");
  if (tcp === undefined) {
    const numbers = numbersOf(ports);
    return found.length > 0
      ? unresolved("UnsupportedProtocol", `Port ${port} of the Service ${name} is not for TCP`)
      : unresolved(
        "BackendNotFound",
        `The Service ${name} has no port ${port ?? "(none is named)"}; it has ${numbers}`,
      );
  }
  const own = slicesOf(snapshot.of(slicesIn(target.namespace)).objects, target.name);
  const { endpoints } = endpointsOf(own, { port: textOf(tcp.name) ?? "" });
  // As kube-proxy does: those that terminate are better than none.
  const ready = endpoints.filter(({ isDraining }) => !isDraining);
  return (ready.length > 0 ? ready : endpoints).map(({ address }) => formatAddress(address));
}

function joined(problems: readonly Condition[]): Condition {
  return unresolved(problems[0]!.reason, problems.map(({ message }) => message).join("; "));
}

/** For messages: the numbers of ports, of which a Service may have thousands. */
function numbersOf(ports: readonly JsonObject[]): string {
  const more = ports.length - MOST_NAMED;
  const named = ports.slice(0, MOST_NAMED).map(({ port }) => port).join(", ") || "none";
  return more > 0 ? `${named} and ${more} more` : named;
}

function unresolved(reason: string, message: string): Condition {
  return isFalse("ResolvedRefs", reason, message);
}

/** Slices by the name of their Service: thousands may be in a namespace, and few change at a time. */
const byServices = new WeakMap<readonly JsonObject[], ReadonlyMap<string, EndpointSlice[]>>();
const slices = new WeakMap<JsonObject, NamedSlice>();

interface NamedSlice {
  readonly slice: EndpointSlice | undefined;
  readonly service: string | undefined;
}

function readNamed(object: JsonObject): NamedSlice {
  return { slice: readSlice(object), service: labelsOf(object).get("kubernetes.io/service-name") };
}

function slicesOf(objects: readonly JsonObject[], service: string): readonly EndpointSlice[] {
  const byService = byServices.getOrInsertComputed(objects, () => {
    const found = new Map<string, EndpointSlice[]>();
    for (const object of objects) {
      const { slice, service } = slices.getOrInsertComputed(object, readNamed);
      if (slice !== undefined && service !== undefined) {
        found.getOrInsertComputed(service, () => []).push(slice);
      }
    }
    return found;
  });
  return byService.get(service) ?? [];
}
