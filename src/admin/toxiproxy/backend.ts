/** What the API of toxiproxy shows and changes: the services of a proxy and their faults, in toxiproxy's words. */

/** A proxy: a service that listens on one address and has one upstream. */
export interface ToxiproxyProxy {
  readonly name: string;
  readonly listen: string;
  readonly upstream: string;
  /** Whether it accepts connections. */
  readonly enabled: boolean;
}

/** A toxic: a fault in one direction. */
export interface Toxic {
  readonly name: string;
  readonly type: string;
  /** `upstream` for bytes to the upstream. */
  readonly stream: "upstream" | "downstream";
  /** The share of connections, 0 to 1. */
  readonly toxicity: number;
  /** In toxiproxy's units. */
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** All methods that change something may reject with a {@linkcode ToxiproxyError}. */
export interface ToxiproxyBackend {
  /** By name. */
  proxies(): ReadonlyMap<string, ToxiproxyProxy>;
  /** In the order of creation. */
  toxics(proxy: string): readonly Toxic[];
  /** Adds a proxy, or replaces the one of that name with its toxics. */
  create(proxy: ToxiproxyProxy): Promise<void>;
  /** Ends the connections of a proxy whose address or upstream changes, or that is disabled. */
  update(proxy: ToxiproxyProxy): Promise<void>;
  delete(proxy: string): Promise<void>;
  addToxic(proxy: string, toxic: Toxic): Promise<void>;
  updateToxic(proxy: string, toxic: Toxic): Promise<void>;
  removeToxic(proxy: string, toxic: string): Promise<void>;
  /** Whether two listen addresses are the same. */
  isSameListen(a: string, b: string): boolean;
  /** In the Prometheus text format; undefined when metrics are not asked for. */
  readonly metrics?: (() => string) | undefined;
}

/** An error in the form of toxiproxy's API: `{"error": "…", "status": 404}`. */
export class ToxiproxyError extends Error {
  override readonly name = "ToxiproxyError";
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}
