/** The EndpointSlices of a Service that are known, and what was reported of them. */

import type { DiscoveredEndpoint, SourceEvents } from "../source.ts";
import type { SourceParts } from "../source_parts.ts";
import { type EndpointSlice, type JsonObject, readSlice } from "./endpoint_slice.ts";
import type { WatchEvent } from "./list_watch.ts";
import { type EndpointSelection, endpointsOf, type ServiceEndpoint } from "./slice_endpoints.ts";

/** The shortest time between two reports, in milliseconds: a rolling update changes slices many times a second. */
const SHORTEST_INTERVAL = 100;

export class ServiceSlices implements Disposable {
  readonly #service: string;
  readonly #selection: EndpointSelection;
  readonly #parts: Pick<SourceParts, "now">;
  readonly #events: Pick<SourceEvents, "endpoints" | "failed" | "answered">;
  readonly #slices = new Map<string, EndpointSlice>();
  #lastReport = -Infinity;
  #hasProblems = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    options: EndpointSelection & { readonly service: string },
    parts: Pick<SourceParts, "now">,
    events: Pick<SourceEvents, "endpoints" | "failed" | "answered">,
  ) {
    this.#service = options.service;
    this.#selection = options;
    this.#parts = parts;
    this.#events = events;
  }

  replace(objects: readonly JsonObject[]): void {
    this.#slices.clear();
    for (const object of objects) this.#set(object);
    this.#changed();
  }

  apply(events: readonly WatchEvent[]): void {
    for (const { type, object } of events) {
      const slice = this.#set(object);
      if (type === "DELETED" && slice !== undefined) this.#slices.delete(slice.name);
    }
    this.#changed();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  #set(object: JsonObject): EndpointSlice | undefined {
    const slice = readSlice(object);
    if (slice !== undefined) this.#slices.set(slice.name, slice);
    return slice;
  }

  /** Reports at once, unless it has just done so. */
  #changed(): void {
    if (this.#timer !== undefined) return;
    const wait = this.#lastReport + SHORTEST_INTERVAL - this.#parts.now();
    if (wait <= 0) return this.#report();
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#report();
    }, wait);
  }

  #report(): void {
    this.#lastReport = this.#parts.now();
    const { endpoints, problems } = endpointsOf(this.#slices.values(), this.#selection);
    this.#reportProblems(problems);
    // As kube-proxy does: those that terminate are better than none.
    const haveReady = endpoints.some(({ isDraining }) => !isDraining);
    this.#events.endpoints(endpoints.map((endpoint) => discovered(endpoint, haveReady)));
  }

  #reportProblems(problems: readonly string[]): void {
    const what = `the EndpointSlices of ${this.#service}`;
    if (problems.length > 0) this.#events.failed(what, new Error(problems.join("; ")));
    else if (this.#hasProblems) this.#events.answered(what);
    this.#hasProblems = problems.length > 0;
  }
}

function discovered(
  { address, isPreferred, isDraining }: ServiceEndpoint,
  haveReady: boolean,
): DiscoveredEndpoint {
  return { address, weight: 1, tier: isPreferred ? 0 : 1, ...isDraining && haveReady ? { drain: true } : {} };
}
