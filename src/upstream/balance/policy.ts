/** What a balancing policy is: a choice among endpoints that could all take the next connection. */

/** An endpoint as a policy sees it. */
export interface Candidate {
  /** A small number that no other endpoint has at the same time, equal in all threads. */
  readonly id: number;
  /** Tells endpoints apart, equally in every proxy of a fleet: the address. */
  readonly key: string;
  /** Share of the connections, in proportion to the others' weights; at least 1. */
  readonly weight: number;
  /** Connections open now. */
  readonly active: number;
}

export interface Choice<Endpoint extends Candidate> {
  /** All endpoints that count as equals; the same array as long as they do not change. */
  readonly endpoints: readonly Endpoint[];
  /** Whether an endpoint may be chosen now: it is up, not full, and was not tried before for this client. */
  isAllowed(endpoint: Endpoint): boolean;
  /** The client's address, without its port. */
  readonly client: string;
}

/** Chooses an endpoint that is allowed; undefined when none is. */
export type Policy = <Endpoint extends Candidate>(choice: Choice<Endpoint>) => Endpoint | undefined;

/** Connections in proportion to the weight. Equal proportions are equal numbers. */
export function loadOf({ active, weight }: Candidate): number {
  return active / weight;
}
