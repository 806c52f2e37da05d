/** A balancing policy: the choice among endpoints that could all take the next connection. */

/** An endpoint as a policy sees it. */
export interface Candidate {
  /** A small number, unique among the current endpoints, equal in all threads. */
  readonly id: number;
  /** Identifies the endpoint, equally in all proxies of a fleet: its address. */
  readonly key: string;
  /** Share of the connections, in proportion to the others' weights; at least 1. */
  readonly weight: number;
  /** Open connections. */
  readonly active: number;
}

export interface Choice<Endpoint extends Candidate> {
  /** The endpoints to choose from; the same array until they change. */
  readonly endpoints: readonly Endpoint[];
  /** Whether an endpoint may be chosen now: it is up, not full, and was not tried before for this client. */
  isAllowed(endpoint: Endpoint): boolean;
  /** The client's address, without its port. */
  readonly client: string;
}

/** Chooses an allowed endpoint; undefined if there is none. */
export type Policy = <Endpoint extends Candidate>(choice: Choice<Endpoint>) => Endpoint | undefined;

/** Connections in proportion to the weight. Equal proportions are equal numbers. */
export function loadOf({ active, weight }: Candidate): number {
  return active / weight;
}
