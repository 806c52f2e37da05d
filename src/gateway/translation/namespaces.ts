/** Which namespaces a listener takes routes from. */

import {
  type JsonObject,
  listOf,
  objectOf,
  textOf,
} from "../../upstream/discovery/kubernetes/endpoint_slice.ts";
import { NAMESPACES } from "../cluster/collection.ts";
import type { Snapshot } from "../cluster/snapshot.ts";
import type { AllowedNamespaces } from "../resources/gateway.ts";
import { labelsOf } from "../resources/meta.ts";

/** Whether routes of `namespace` may attach to a listener of a Gateway in the namespace `own`. */
export function allowsNamespace(
  { from, selector }: AllowedNamespaces,
  own: string,
  namespace: string,
  snapshot: Snapshot,
): boolean {
  if (from === "All") return true;
  if (from === "Same") return namespace === own;
  if (from !== "Selector" || selector === undefined) return false;
  const object = snapshot.find(NAMESPACES, namespace);
  return object !== undefined && selects(selector, labelsOf(object));
}

/** Whether a label selector selects an object with these labels. An empty one selects all. */
function selects(selector: JsonObject, labels: ReadonlyMap<string, string>): boolean {
  const { matchLabels, matchExpressions } = selector;
  return Object.entries(objectOf(matchLabels)).every(([key, value]) => labels.get(key) === value) &&
    listOf(matchExpressions).every((each) => isMet(objectOf(each), labels));
}

function isMet({ key, operator, values }: JsonObject, labels: ReadonlyMap<string, string>): boolean {
  const value = labels.get(textOf(key) ?? "");
  const isListed = listOf(values).some((each) => each === value);
  switch (operator) {
    case "In":
      return value !== undefined && isListed;
    case "NotIn":
      return value === undefined || !isListed;
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    default:
      return false;
  }
}
