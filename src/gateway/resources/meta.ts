/** What all objects of the Kubernetes API have. Reading never throws: what is wrong is as if it were missing. */

import { type JsonObject, objectOf, textOf } from "../../upstream/discovery/kubernetes/endpoint_slice.ts";

export interface Meta {
  /** Empty if the object is in no namespace. */
  readonly namespace: string;
  readonly name: string;
  /** The version of its `spec`. */
  readonly generation: number;
  /** When it was created, as a text that sorts by time; empty if that is not known. */
  readonly created: string;
}

/** Something that has a name in a namespace. */
export type Named = Pick<Meta, "namespace" | "name">;

export function metaOf(object: JsonObject): Meta {
  const { namespace, name, generation, creationTimestamp } = objectOf(object.metadata);
  return {
    namespace: textOf(namespace) ?? "",
    name: textOf(name) ?? "",
    generation: typeof generation === "number" ? generation : 0,
    created: textOf(creationTimestamp) ?? "",
  };
}

/** The labels of an object, without those that are no texts. */
export function labelsOf(object: JsonObject): ReadonlyMap<string, string> {
  const labels = Object.entries(objectOf(objectOf(object.metadata).labels));
  return new Map(labels.filter((entry): entry is [string, string] => typeof entry[1] === "string"));
}

/** As `kubectl` writes it: `namespace/name`. */
export function nameOf({ namespace, name }: Named): string {
  return namespace === "" ? name : `${namespace}/${name}`;
}

/** The oldest first; of the same age, by namespace and name. That is how the Gateway API ranks objects. */
export function byAge({ meta: a }: { readonly meta: Meta }, { meta: b }: { readonly meta: Meta }): number {
  return compare(a.created, b.created) || compare(nameOf(a), nameOf(b));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/** A whole number from 1 to 65535, else undefined. */
export function portOf(value: unknown): number | undefined {
  return typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= 65_535
    ? value
    : undefined;
}
