/** Endpoints that come and go, of which those that stay keep their connections and their state. */

export interface EndpointChanges<Endpoint> {
  readonly added: readonly Endpoint[];
  readonly updated: readonly Endpoint[];
  readonly removed: readonly Endpoint[];
}

export interface EndpointSetOptions<Wanted, Endpoint> {
  /** Equal for an endpoint that stays; one with another is another endpoint. */
  readonly identityOf: (wanted: Wanted) => string | number;
  /** Makes an endpoint, or nothing when no more can be accounted for. */
  readonly make: (wanted: Wanted) => Endpoint | undefined;
  /** Brings one that stays up to date; tells whether that changed it. */
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

  /** Makes this the whole set. */
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
