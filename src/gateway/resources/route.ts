/** TCPRoutes and TLSRoutes, as far as this controller reads them. */

import {
  type JsonObject,
  listOf,
  objectOf,
  textOf,
} from "../../upstream/discovery/kubernetes/endpoint_slice.ts";
import { GATEWAY_GROUP, type RouteKind } from "../names.ts";
import { isHostname } from "../hostnames.ts";
import { type Meta, metaOf, portOf } from "./meta.ts";
import { readReference, type Reference } from "./reference.ts";

export interface Route {
  readonly kind: RouteKind;
  readonly meta: Meta;
  readonly object: JsonObject;
  readonly parents: readonly Parent[];
  /** In lower case, without those that are no host names. */
  readonly hostnames: readonly string[];
  /** Whether it has host names at all, right or wrong. */
  readonly hasHostnames: boolean;
  readonly backends: readonly Backend[];
}

/** A Gateway, or some of its listeners. */
export interface Parent {
  readonly target: Reference;
  readonly sectionName: string | undefined;
  readonly port: number | undefined;
  /** As it is written, for the status. */
  readonly written: JsonObject;
}

export interface Backend {
  readonly target: Reference;
  readonly port: number | undefined;
  /** A whole number; 0 gets nothing. */
  readonly weight: number;
}

/** The largest weight that the API allows. */
const LARGEST_WEIGHT = 1_000_000;

/** Most objects stay from one snapshot to the next. */
const routes = new WeakMap<JsonObject, Route>();

export function readRoute(kind: RouteKind, object: JsonObject): Route {
  return routes.getOrInsertComputed(object, () => read(kind, object));
}

function read(kind: RouteKind, object: JsonObject): Route {
  const meta = metaOf(object);
  const { namespace } = meta;
  const { parentRefs, hostnames, rules } = objectOf(object.spec);
  const names = kind === "TLSRoute" ? listOf(hostnames) : [];
  // The API allows one rule. Of more, the first has precedence over those that ask for the same.
  const { backendRefs } = objectOf(listOf(rules)[0]);
  return {
    kind,
    meta,
    object,
    parents: listOf(parentRefs).map((each) => {
      const written = objectOf(each);
      return {
        target: readReference(written, { group: GATEWAY_GROUP, kind: "Gateway", namespace }),
        sectionName: textOf(written.sectionName),
        port: portOf(written.port),
        written,
      };
    }),
    hostnames: names.flatMap((each) => textOf(each)?.toLowerCase() ?? []).filter(isHostname),
    hasHostnames: names.length > 0,
    backends: listOf(backendRefs).map((each) => {
      const backend = objectOf(each);
      return {
        target: readReference(backend, { group: "", kind: "Service", namespace }),
        port: portOf(backend.port),
        weight: weightOf(backend.weight),
      };
    }),
  };
}

function weightOf(value: unknown): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0) return 1;
  return Math.min(value, LARGEST_WEIGHT);
}
