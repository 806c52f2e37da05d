/** Bounds what is kept of the objects that an API server has: a faulty server must not use up the memory. */

import { LARGEST_BODY } from "../../../net/http_client.ts";
import { type JsonObject, objectOf, textOf } from "./endpoint_slice.ts";

/** The most objects. A Service with ten thousand pods has a hundred slices. */
const MOST_OBJECTS = 10_000;

/** Metadata that nothing here reads. In one object it can be so large that the whole list exceeds its bound. */
const UNREAD = ["annotations", "managedFields", "finalizers", "ownerReferences"];

/** The object without the metadata that nothing reads. */
export function withoutUnread(object: JsonObject, readsLabels: boolean): JsonObject {
  const { metadata } = object;
  if (metadata === undefined) return object;
  const kept = Object.entries(objectOf(metadata)).filter(([key]) =>
    !UNREAD.includes(key) && (readsLabels || key !== "labels")
  );
  return { ...object, metadata: Object.fromEntries(kept) };
}

export class ObjectBound {
  /** The length of each object as JSON, in characters, by its namespace and name. */
  readonly #lengths = new Map<string, number>();
  #count = 0;
  #total = 0;

  /**
   * Counts an object, new or changed. A list has no object twice, so each one counts there: else a server that repeats
   * objects would never reach the bound.
   *
   * @param source What brings it, for the error.
   * @throws {RangeError} when there is no room for it
   */
  add(object: JsonObject, source: "list" | "watch"): void {
    const { length } = JSON.stringify(object);
    const name = nameOf(object);
    const before = source === "watch" ? this.#lengths.get(name) : undefined;
    if (before === undefined) this.#count++;
    this.#total += length - (before ?? 0);
    this.#lengths.set(name, length);
    if (this.#count > MOST_OBJECTS) {
      throw new RangeError(`The ${source} of the API server adds up to more than ${MOST_OBJECTS} objects`);
    }
    if (this.#total > LARGEST_BODY) {
      throw new RangeError(`The ${source} of the API server adds up to more than 16 MiB`);
    }
  }

  remove(object: JsonObject): void {
    const name = nameOf(object);
    const length = this.#lengths.get(name);
    if (length === undefined) return;
    this.#count--;
    this.#total -= length;
    this.#lengths.delete(name);
  }
}

/** Unique in a collection, also one of all namespaces. Those without a name count as one; they are not kept. */
function nameOf({ metadata }: JsonObject): string {
  const { namespace, name } = objectOf(metadata);
  return `${textOf(namespace) ?? ""}/${textOf(name) ?? ""}`;
}
