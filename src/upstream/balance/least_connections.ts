/**
 * Least connections: chooses the endpoint with the fewest open connections for its weight; equal ones alternate, by
 * weight.
 */

import { loadOf, type Policy } from "./policy.ts";
import { SmoothWeightedRoundRobin, type TurnCredits } from "./smooth_weighted_round_robin.ts";

export function leastConnections(credits: TurnCredits): Policy {
  const turns = new SmoothWeightedRoundRobin(credits);
  /** By index. Read once: other threads change the loads during the choice. */
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
