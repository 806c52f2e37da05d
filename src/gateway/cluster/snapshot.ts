/** What is known of a cluster, and what was asked of it. */

import type { JsonObject } from "../../upstream/discovery/kubernetes/endpoint_slice.ts";
import { metaOf } from "../resources/meta.ts";
import { type Collection, keyOf } from "./collection.ts";

/** The objects of a collection, or why they cannot be read. */
export interface Known {
  /** The same list until it changes. Empty where they cannot be read. */
  readonly objects: readonly JsonObject[];
  /** Why the API server refuses them, in words. */
  readonly refusal?: string | undefined;
}

/** Most lists stay from one snapshot to the next. */
const byName = new WeakMap<readonly JsonObject[], ReadonlyMap<string, JsonObject>>();

const NOTHING: Known = { objects: [] };

/** Notes what is asked, so that it can be watched from then on. A list stays as it was when it was first asked for. */
export class Snapshot {
  /** What was asked, by {@linkcode keyOf}. */
  readonly asked = new Map<string, Collection>();
  readonly #known: (key: string) => Known | undefined;
  readonly #answers = new Map<string, Known | undefined>();

  /** @param known Undefined for what is not known yet. */
  constructor(known: (key: string) => Known | undefined) {
    this.#known = known;
  }

  of(collection: Collection): Known {
    const key = keyOf(collection);
    this.asked.set(key, collection);
    return this.#answers.getOrInsertComputed(key, () => this.#known(key)) ?? NOTHING;
  }

  /** Whether all that was asked was known, or known not to be readable. */
  get isComplete(): boolean {
    return this.#answers.values().every((known) => known !== undefined);
  }

  /** The object of this name in a collection of one namespace, or of those that are in none. */
  find(collection: Collection, name: string): JsonObject | undefined {
    const { objects } = this.of(collection);
    return byName.getOrInsertComputed(
      objects,
      () => new Map(objects.map((object) => [metaOf(object).name, object])),
    ).get(name);
  }
}
