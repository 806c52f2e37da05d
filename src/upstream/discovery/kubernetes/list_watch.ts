/** Keeps a copy of the objects that a list of the Kubernetes API has, by one list and a watch that follows it. */

import { LargeBodyError, readBody } from "../../../net/http_client.ts";
import { RequestDeadline } from "../request_deadline.ts";
import { backOff, type SourceParts } from "../source_parts.ts";
import { apiErrorIn, apiErrorOf, KubernetesApiError } from "./api_error.ts";
import { type JsonObject, listOf, objectOf, textOf } from "./endpoint_slice.ts";
import { ObjectBound, withoutUnread } from "./object_bound.ts";
import { readWatch, SilentWatchError } from "./watch_lines.ts";

/** The number of objects in one answer to a list. */
const PAGE = 500;
/** By how much that number is divided each time the objects are too large for one answer. */
const PAGE_DIVISOR = 8;
/** How long a list may take, and a watch until its answer begins, in milliseconds. */
const ANSWER_TIMEOUT = 30_000;
const NO_ANSWER = `The API server did not answer within ${ANSWER_TIMEOUT / 1000} s`;
/** How long the server keeps a watch open, in seconds, and by which part of it that varies. */
const WATCH_SECONDS = 300;
const WATCH_JITTER = 0.2;
/** How long a watch may be silent, in milliseconds. A server where nothing changes may send no bookmark for minutes. */
const SILENCE = 90_000;
/** The shortest time from one watch to the next, in milliseconds. */
const SHORTEST_WATCH = 500;
/** The longest time that a server can ask to wait, in milliseconds. */
const LONGEST_WAIT = 30_000;

export interface ListWatchOptions {
  /** Asks the API for the collection with these parameters. Rejects if it does not answer. */
  readonly get: (query: Readonly<Record<string, string>>, signal: AbortSignal) => Promise<Response>;
  /** Whether labels are kept, and count against the bound. */
  readonly readsLabels: boolean;
  /** All objects have been read: replaces those that were known. */
  readonly onList: (objects: readonly JsonObject[]) => void;
  /** Objects have changed, in this order. */
  readonly onEvents: (events: readonly WatchEvent[]) => void;
  /** The API does not answer, or refuses; called for each failure. The copy stays as it is. */
  readonly onFailed: (error: unknown) => void;
  /** The API answers, and the copy is complete. */
  readonly onAnswered: () => void;
  readonly parts: Pick<SourceParts, "now" | "wait" | "random">;
  readonly signal: AbortSignal;
}

export interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: JsonObject;
}

/** Lists and watches until `signal` aborts. Never rejects, and leaves nothing running. */
export async function listAndWatch(options: ListWatchOptions): Promise<void> {
  await new ListWatch(options).run();
}

class ListWatch {
  readonly #options: ListWatchOptions;
  #bound = new ObjectBound();
  /** The version up to which the copy is complete; undefined if it takes a new list to be complete. */
  #version: string | undefined;
  /** Whether it was an event or a bookmark that brought the version. */
  #hasMoved = false;
  /** The failures since a watch last worked. */
  #failures = 0;

  constructor(options: ListWatchOptions) {
    this.#options = options;
  }

  async run(): Promise<void> {
    const { signal } = this.#options;
    while (!signal.aborted) {
      try {
        if (this.#version === undefined) await this.#list();
        await this.#watch(this.#version!);
      } catch (error) {
        if (!signal.aborted) await this.#failed(error);
      }
    }
  }

  async #list(): Promise<void> {
    let objects: JsonObject[] = [];
    let bound = new ObjectBound();
    let limit = PAGE;
    let query: Record<string, string> = { limit: String(limit) };
    for (;;) {
      try {
        const { items, version, next } = await this.#page(query);
        for (const item of items) {
          bound.add(item, "list");
          objects.push(item);
        }
        if (next === undefined) {
          this.#version = version;
          this.#hasMoved = false;
          this.#bound = bound;
          return this.#options.onList(objects);
        }
        query = { limit: String(limit), continue: next };
      } catch (error) {
        if (error instanceof LargeBodyError && query.limit !== undefined && limit > 1) {
          limit = Math.ceil(limit / PAGE_DIVISOR);
          query = { ...query, limit: String(limit) };
          continue;
        }
        const isExpired = error instanceof KubernetesApiError && error.isVersionUnusable;
        if (!isExpired || query.continue === undefined) throw error;
        // The server has dropped the version of the pages while they were read: ask for all in one answer.
        objects = [];
        bound = new ObjectBound();
        query = {};
      }
    }
  }

  async #page(query: Record<string, string>) {
    using deadline = new RequestDeadline(ANSWER_TIMEOUT, NO_ANSWER, this.#options.signal);
    const text = await readBody(await this.#get(query, deadline.signal));
    const { metadata, items } = objectOf(JSON.parse(text));
    const { resourceVersion, continue: next } = objectOf(metadata);
    const version = textOf(resourceVersion);
    if (version === undefined) throw new TypeError("The API server answered with something that is no list");
    const objects = listOf(items).map((item) => this.#kept(item));
    return { items: objects, version, next: textOf(next) };
  }

  async #watch(version: string): Promise<void> {
    const { signal, parts: { now, wait, random } } = this.#options;
    const seconds = WATCH_SECONDS * (1 + WATCH_JITTER * (2 * random() - 1));
    const start = now();
    using deadline = new RequestDeadline(ANSWER_TIMEOUT, NO_ANSWER, signal);
    const response = await this.#get({
      watch: "1",
      allowWatchBookmarks: "true",
      resourceVersion: version,
      timeoutSeconds: String(Math.round(seconds)),
    }, deadline.signal);
    deadline.clear();
    this.#options.onAnswered();
    try {
      await readWatch(response.body!, SILENCE, (lines) => this.#take(lines));
    } catch (error) {
      if (!(error instanceof SilentWatchError)) throw error;
      // Nothing has changed, the connection is dead, or a server that was restored from a backup does not know the
      // version: only a new list shows which.
      this.#version = undefined;
    }
    this.#failures = 0;
    // A server, or a proxy before it, that ends each watch at once must not be asked in a loop.
    await wait(Math.max(start + SHORTEST_WATCH - now(), 0), signal);
  }

  async #get(query: Record<string, string>, signal: AbortSignal): Promise<Response> {
    const response = await this.#options.get(query, signal);
    if (!response.ok || response.body === null) throw await apiErrorIn(response);
    return response;
  }

  #take(lines: readonly unknown[]): void {
    const events: WatchEvent[] = [];
    let failure: unknown;
    for (const line of lines) {
      const { type, object: changed } = objectOf(line);
      const object = this.#kept(changed);
      if (type === "ERROR") {
        failure = apiErrorOf(object, 500);
        break;
      }
      try {
        this.#count(type, object);
      } catch (error) {
        // A watch from this version would bring the same object again, so list instead.
        this.#version = undefined;
        failure = error;
        break;
      }
      this.#version = textOf(objectOf(object.metadata).resourceVersion) ?? this.#version;
      this.#hasMoved = true;
      this.#failures = 0;
      if (type === "ADDED" || type === "MODIFIED" || type === "DELETED") events.push({ type, object });
    }
    if (events.length > 0) this.#options.onEvents(events);
    if (failure !== undefined) throw failure;
    this.#options.onAnswered();
  }

  #kept(object: unknown): JsonObject {
    return withoutUnread(objectOf(object), this.#options.readsLabels);
  }

  /** @throws {RangeError} when there is no room for the object */
  #count(type: unknown, object: JsonObject): void {
    if (type === "DELETED") this.#bound.remove(object);
    else if (type === "ADDED" || type === "MODIFIED") this.#bound.add(object, "watch");
  }

  async #failed(error: unknown): Promise<void> {
    const { signal, onFailed, parts } = this.#options;
    const refusal = error instanceof KubernetesApiError ? error : undefined;
    // What refuses a watch may still answer a list.
    if (refusal?.isRefusal === true) this.#version = undefined;
    if (refusal?.isVersionUnusable === true) {
      this.#version = undefined;
      if (this.#hasMoved) {
        // That happens once after each success. A server that keeps refusing is a failure.
        this.#hasMoved = false;
        await parts.wait(SHORTEST_WATCH, signal);
        return;
      }
    }
    onFailed(error);
    const asked = Math.min(refusal?.retryAfter ?? 0, LONGEST_WAIT);
    await parts.wait(Math.max(backOff(++this.#failures, parts.random), asked), signal);
  }
}
