/**
 * Smooth weighted round robin, as nginx has it: with every pick each endpoint earns credit in proportion to its
 * weight, the one with the most is picked and pays what all have earned. Weights 5, 1, 1 give a a b a c a a.
 */

import type { Candidate, Policy } from "./policy.ts";

/** An endpoint that is not allowed earns nothing meanwhile, so that it gets no more than its share when it is back. */
export function roundRobin(): Policy {
  const turns = new Turns();
  return (choice) => turns.next(choice.endpoints, (endpoint) => choice.isAllowed(endpoint));
}

interface Turn {
  /** In picks, and not in weight as in nginx: so no debt outlasts the weights it was made with. */
  credit: number;
  isAllowed: boolean;
}

/** Credits closer than this are equal: they are sums of fractions and not exact. The earlier endpoint wins. */
const SAME = 1e-9;

/** Whose turn it is. */
export class Turns {
  readonly #byEndpoint = new WeakMap<Candidate, Turn>();
  #endpoints: readonly Candidate[] = [];
  #turns: readonly Turn[] = [];

  /** The next one that is allowed; undefined when none is. */
  next<Endpoint extends Candidate>(
    endpoints: readonly Endpoint[],
    isAllowed: (endpoint: Endpoint, index: number) => boolean,
  ): Endpoint | undefined {
    if (endpoints !== this.#endpoints) {
      this.#endpoints = endpoints;
      this.#turns = endpoints.map((endpoint) => this.#turnOf(endpoint));
    }
    let total = 0;
    for (let index = 0; index < endpoints.length; index++) {
      const turn = this.#turns[index]!;
      turn.isAllowed = isAllowed(endpoints[index]!, index);
      if (turn.isAllowed) total += endpoints[index]!.weight;
    }
    const index = this.#shareOnePick(total);
    return index < 0 ? undefined : endpoints[index];
  }

  #turnOf(endpoint: Candidate): Turn {
    const turn = this.#byEndpoint.get(endpoint) ?? { credit: 0, isAllowed: false };
    this.#byEndpoint.set(endpoint, turn);
    return turn;
  }

  /** Gives everyone who is allowed their share of a pick, and one of them the pick; -1 when nobody is. */
  #shareOnePick(total: number): number {
    let next = -1;
    let most = -Infinity;
    for (let index = 0; index < this.#turns.length; index++) {
      const turn = this.#turns[index]!;
      if (!turn.isAllowed) continue;
      turn.credit += this.#endpoints[index]!.weight / total;
      if (turn.credit <= most + SAME) continue;
      most = turn.credit;
      next = index;
    }
    if (next >= 0) this.#turns[next]!.credit -= 1;
    return next;
  }
}
