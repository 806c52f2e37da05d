/** Bounds what is kept of the objects that an API server has: a faulty server must not use up the memory. */

import { LARGEST_BODY } from "../../../net/http_client.ts";
import { type JsonObject, objectOf, textOf } from "./endpoint_slice.ts";

/** The most objects. A Service with ten thousand pods has a hundred slices. */
export const MOST_OBJECTS = 10_000;

export class ObjectBound {
  /** The length of each object as JSON, in characters, by its name. */
  readonly #lengths = new Map<string, number>();
  #total = 0;

  /** These objects of a list, which is in its bounds itself, are all that is kept. */
  replace(objects: readonly JsonObject[]): void {
    this.#lengths.clear();
    this.#total = 0;
    for (const object of objects) this.#set(object, JSON.stringify(object).length);
  }

  /**
   * A watch has brought an object, new or changed.
   *
   * @param length Of its JSON, in characters.
   * @throws {RangeError} when there is no room for it
   */
  add(object: JsonObject, length: number): void {
    this.#set(object, length);
    if (this.#lengths.size > MOST_OBJECTS) {
      throw new RangeError(`The watch of the API server adds up to more than ${MOST_OBJECTS} objects`);
    }
    if (this.#total > LARGEST_BODY) {
      throw new RangeError("The watch of the API server adds up to more than 16 MiB");
    }
  }

  remove(object: JsonObject): void {
    const name = nameOf(object);
    this.#total -= this.#lengths.get(name) ?? 0;
    this.#lengths.delete(name);
  }

  #set(object: JsonObject, length: number): void {
    const name = nameOf(object);
    this.#total += length - (this.#lengths.get(name) ?? 0);
    this.#lengths.set(name, length);
  }
}

/** Unique, as all objects are of one namespace. Those without a name count as one; they are not kept. */
function nameOf({ metadata }: JsonObject): string {
  return textOf(objectOf(metadata).name) ?? "";
}
