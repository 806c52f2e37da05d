/** Keeps copies of the collections that a translation asks for, each by a list and a watch. */

import { messageOf } from "../../observe/log/error_text.ts";
import type { Log } from "../../observe/log/log.ts";
import type { ApiClient } from "../../upstream/discovery/kubernetes/api_client.ts";
import { KubernetesApiError } from "../../upstream/discovery/kubernetes/api_error.ts";
import type { JsonObject } from "../../upstream/discovery/kubernetes/endpoint_slice.ts";
import { listAndWatch, type WatchEvent } from "../../upstream/discovery/kubernetes/list_watch.ts";
import type { SourceParts } from "../../upstream/discovery/source_parts.ts";
import { metaOf, nameOf } from "../resources/meta.ts";
import { type Collection, isOptional } from "./collection.ts";
import { type Known, Snapshot } from "./snapshot.ts";

const FORBIDDEN = 403;
const NOT_FOUND = 404;
/** How long an optional list may delay everything else, in milliseconds. */
const PATIENCE = 10_000;

export interface ClusterWatchOptions {
  readonly client: Pick<ApiClient, "get">;
  readonly parts: Pick<SourceParts, "now" | "wait" | "random">;
  readonly log: Log;
  /** Something has changed. */
  readonly onChange: () => void;
}

export class ClusterWatch implements AsyncDisposable {
  readonly #options: ClusterWatchOptions;
  readonly #watches = new Map<string, CollectionWatch>();

  constructor(options: ClusterWatchOptions) {
    this.#options = options;
  }

  /** What is known now. */
  snapshot(): Snapshot {
    return new Snapshot((key) => this.#watches.get(key)?.known);
  }

  /** Watches these collections from now on, and no others. */
  watch(collections: ReadonlyMap<string, Collection>): void {
    for (const [key, watch] of this.#watches) {
      if (collections.has(key)) continue;
      this.#watches.delete(key);
      void watch[Symbol.asyncDispose]();
    }
    for (const [key, collection] of collections) {
      if (!this.#watches.has(key)) this.#watches.set(key, new CollectionWatch(collection, this.#options));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = [...this.#watches.values()];
    this.#watches.clear();
    await Promise.all(all.map((watch) => watch[Symbol.asyncDispose]()));
  }
}

class CollectionWatch implements AsyncDisposable {
  #known: Known | undefined;
  readonly #collection: Collection;
  readonly #options: ClusterWatchOptions;
  /** Undefined until the API server has answered. */
  #objects: Map<string, JsonObject> | undefined;
  readonly #stop = new AbortController();
  #isFailing = false;
  #failure = "the API server has not answered yet";
  readonly #done: Promise<unknown>;

  constructor(collection: Collection, options: ClusterWatchOptions) {
    this.#collection = collection;
    this.#options = options;
    const { path, only } = collection;
    const selector: Record<string, string> = only === undefined
      ? {}
      : { fieldSelector: `metadata.name=${only}` };
    const watching = listAndWatch({
      get: (query, signal) => options.client.get(path, { ...selector, ...query }, signal),
      readsLabels: collection.readsLabels,
      onList: (objects) => this.#replace(objects),
      onEvents: (events) => this.#apply(events),
      onFailed: (error) => this.#failed(error),
      onAnswered: () => this.#answered(),
      parts: options.parts,
      signal: this.#stop.signal,
    });
    this.#done = isOptional(collection) ? Promise.all([watching, this.#endPatience()]) : watching;
  }

  /** Undefined until the API server has answered, or the wait for it is over. */
  get known(): Known | undefined {
    // Not with each change: thousands may come at once.
    if (this.#objects !== undefined) this.#known ??= { objects: [...this.#objects.values()] };
    return this.#known;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error("no longer watched"));
    await this.#done;
  }

  #replace(objects: readonly JsonObject[]): void {
    this.#objects = new Map(objects.map((object) => [nameOf(metaOf(object)), object]));
    this.#changed();
  }

  #apply(events: readonly WatchEvent[]): void {
    const all = this.#objects ??= new Map();
    for (const { type, object } of events) {
      const name = nameOf(metaOf(object));
      if (type === "DELETED") all.delete(name);
      else all.set(name, object);
    }
    this.#changed();
  }

  #changed(): void {
    this.#known = undefined;
    this.#options.onChange();
  }

  /** Known objects stay. If there are none, a lasting failure counts as an answer for optional collections. */
  #failed(error: unknown): void {
    const { log } = this.#options;
    const message = messageOf(error);
    const status = error instanceof KubernetesApiError ? error.status : 0;
    if (!this.#isFailing) {
      const kept = this.known === undefined ? "" : ", keeping what is known";
      const remedy = status === FORBIDDEN ? ` (see the rights in docs/deploy/gateway.md)` : "";
      log.warn(`Cannot read ${this.#collection.what}${kept}: ${message}${remedy}`, {
        event: "gateway_api_failed",
        what: this.#collection.what,
        error: message,
      });
    }
    this.#isFailing = true;
    this.#failure = message;
    // A list that is too large stays so until objects in that namespace change.
    const isAnswer = status === NOT_FOUND ||
      (status === FORBIDDEN || error instanceof RangeError) && isOptional(this.#collection);
    if (isAnswer) this.#refuse(message);
  }

  async #endPatience(): Promise<void> {
    const { signal } = this.#stop;
    await this.#options.parts.wait(PATIENCE, signal);
    if (!signal.aborted && this.known === undefined) this.#refuse(this.#failure);
  }

  #refuse(refusal: string): void {
    const { known } = this;
    if (known !== undefined && (known.refusal === undefined || known.refusal === refusal)) return;
    this.#objects = undefined;
    this.#known = { objects: [], refusal };
    this.#options.onChange();
  }

  #answered(): void {
    if (!this.#isFailing) return;
    this.#isFailing = false;
    const { what } = this.#collection;
    this.#options.log.info(`${what} can be read again`, { event: "gateway_api_recovered", what });
  }
}
