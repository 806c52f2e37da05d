/** A balancing policy: the choice among endpoints that could all take the next connection. */

/** An endpoint as a policy sees it. */
export interface Candidate {
  /** A small number, unique among the current endpoints and the same in all threads. */
  readonly id: number;
  /** Identifies the endpoint, in the same way in all proxies of a fleet: its address. */
  readonly key: string;
  /** Share of the connections, in proportion to the others' weights; at least 1. */
  readonly weight: number;
  /** The part of its weight that counts now: 1, or less in a slow start. */
  readonly part: number;
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

/** The weight that counts now. */
export function shareOf({ weight, part }: Candidate): number {
  return weight * part;
}

/** Connections in proportion to the share. Equal proportions give equal numbers. */
export function loadOf(candidate: Candidate): number {
  return candidate.active / shareOf(candidate);
}
