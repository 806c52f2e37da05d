/** A changing set of endpoints. Those that remain keep their connections and their state. */

export interface EndpointChanges<Endpoint> {
  readonly added: readonly Endpoint[];
  readonly updated: readonly Endpoint[];
  readonly removed: readonly Endpoint[];
}

export interface EndpointSetOptions<Wanted, Endpoint> {
  /** Endpoints with the same identity are the same endpoint. */
  readonly identityOf: (wanted: Wanted) => string | number;
  /** Makes an endpoint; undefined if the accounts are full. */
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
    for (const each of wanted) {
      const identity = identityOf(each);
      const same = removed.get(identity);
      removed.delete(identity);
      const endpoint = same ?? make(each);
      if (endpoint === undefined) continue;
      all.set(identity, endpoint);
      if (same === undefined) added.push(endpoint);
      else if (update(endpoint, each)) updated.push(endpoint);
    }
    this.#all = all;
    this.#list = [...all.values()];
    return { added, updated, removed: [...removed.values()] };
  }
}
