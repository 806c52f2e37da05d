/** A changing set of endpoints. Those that remain keep their connections and their state. */

import type { Log } from "../../observe/log/log.ts";

/** How many endpoints a log line names. */
const MAX_NAMED = 10;

export interface EndpointChanges<Endpoint> {
  readonly added: readonly Endpoint[];
  readonly updated: readonly Endpoint[];
  readonly removed: readonly Endpoint[];
  /** How many could not be made. */
  readonly refused: number;
}

export interface EndpointSetOptions<Wanted, Endpoint> {
  /** Endpoints with the same identity are the same endpoint. */
  readonly identityOf: (wanted: Wanted) => string | number;
  /** Makes an endpoint; undefined if the table of all endpoints is full. */
  readonly make: (wanted: Wanted) => Endpoint | undefined;
  /** Updates a remaining endpoint; true if that changed it. */
  readonly update: (endpoint: Endpoint, wanted: Wanted) => boolean;
}

export class EndpointSet<Wanted, Endpoint> {
  readonly #options: EndpointSetOptions<Wanted, Endpoint>;
  #all: ReadonlyMap<string | number, Endpoint> = new Map();
  #list: readonly Endpoint[] = [];

  constructor(options: EndpointSetOptions<Wanted, Endpoint>) {
    this.#options = options;
  }

  /** The same array until endpoints change. */
  get all(): readonly Endpoint[] {
    return this.#list;
  }

  /** Replaces the whole set. */
  replace(wanted: readonly Wanted[]): EndpointChanges<Endpoint> {
    const { identityOf, make, update } = this.#options;
    const removed = new Map(this.#all);
    const all = new Map<string | number, Endpoint>();
    const added: Endpoint[] = [];
    const updated: Endpoint[] = [];
    let refused = 0;
    for (const each of wanted) {
      const identity = identityOf(each);
      const same = removed.get(identity);
      removed.delete(identity);
      // After the first refusal the table is full: try no more.
      const endpoint = same ?? (refused > 0 ? undefined : make(each));
      if (endpoint === undefined) {
        refused++;
        continue;
      }
      all.set(identity, endpoint);
      if (same === undefined) added.push(endpoint);
      else if (update(endpoint, each)) updated.push(endpoint);
    }
    this.#all = all;
    this.#list = [...all.values()];
    return { added, updated, removed: [...removed.values()], refused };
  }
}

/** Logs the endpoints that a group has now. */
export function logChanges<Endpoint extends { readonly key: string }>(
  log: Log,
  upstream: string,
  all: readonly Endpoint[],
  { added, removed }: Pick<EndpointChanges<Endpoint>, "added" | "removed">,
): void {
  const named = all.slice(0, MAX_NAMED).map(({ key }) => key).join(", ") || "none";
  const more = all.length > MAX_NAMED ? ` and ${all.length - MAX_NAMED} more` : "";
  log.info(`${upstream}: endpoints changed to ${named}${more}`, {
    event: "endpoints_changed",
    upstream,
    added: added.length,
    removed: removed.length,
    endpoints: all.length,
  });
}
