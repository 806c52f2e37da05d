/** References from one object to another, and what permits those across namespaces. */

import {
  type JsonObject,
  listOf,
  objectOf,
  textOf,
} from "../../upstream/discovery/kubernetes/endpoint_slice.ts";
import { GATEWAY_GROUP } from "../names.ts";
import { metaOf } from "./meta.ts";

/** What is referred to. */
export interface Reference {
  /** Empty for the core group. */
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** A ReferenceGrant: objects of `from` may refer to those of `to` in the namespace of the grant. */
export interface Grant {
  readonly namespace: string;
  readonly from: readonly Omit<Reference, "name">[];
  /** Without a name, all of the kind. */
  readonly to: readonly {
    readonly group: string;
    readonly kind: string;
    readonly name: string | undefined;
  }[];
}

/** @param defaults What the reference leaves out. */
export function readReference(
  value: unknown,
  defaults: Pick<Reference, "group" | "kind" | "namespace">,
): Reference {
  const { group, kind, namespace, name } = objectOf(value);
  return {
    group: typeof group === "string" ? group : defaults.group,
    kind: textOf(kind) ?? defaults.kind,
    namespace: textOf(namespace) ?? defaults.namespace,
    name: textOf(name) ?? "",
  };
}

export function readGrant(object: JsonObject): Grant {
  const { from, to } = objectOf(object.spec);
  return {
    namespace: metaOf(object).namespace,
    from: listOf(from).map((each) => readReference(each, { group: "", kind: "", namespace: "" })),
    to: listOf(to).map((each) => {
      const { group, kind } = readReference(each, { group: "", kind: "", namespace: "" });
      return { group, kind, name: textOf(objectOf(each).name) };
    }),
  };
}

/** Whether an object of the Gateway API may refer to another one. */
export function isPermitted(
  { kind, namespace }: { readonly kind: string; readonly namespace: string },
  target: Reference,
  grants: readonly Grant[],
): boolean {
  if (namespace === target.namespace) return true;
  return grants.some((grant) =>
    grant.namespace === target.namespace &&
    grant.from.some((from) =>
      from.group === GATEWAY_GROUP && from.kind === kind && from.namespace === namespace
    ) &&
    grant.to.some((to) =>
      to.group === target.group && to.kind === target.kind &&
      (to.name === undefined || to.name === target.name)
    )
  );
}
