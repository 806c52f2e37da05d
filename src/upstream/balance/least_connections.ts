/** Least connections: the endpoint with the fewest open for its weight. Those with equally few take turns, by weight. */

import { loadOf, type Policy } from "./policy.ts";
import { SmoothWeightedRoundRobin, type TurnCredits } from "./smooth_weighted_round_robin.ts";

export function leastConnections(credits: TurnCredits): Policy {
  const turns = new SmoothWeightedRoundRobin(credits);
  /** By index; what other threads change while the choice is made is not looked at again. */
  const loads: number[] = [];
  return (choice) => {
    let least = Infinity;
    for (let index = 0; index < choice.endpoints.length; index++) {
      const endpoint = choice.endpoints[index]!;
      const load = choice.isAllowed(endpoint) ? loadOf(endpoint) : Infinity;
      loads[index] = load;
      if (load < least) least = load;
    }
    return turns.next(choice.endpoints, (_, index) => loads[index]! === least && least < Infinity);
  };
}
