/**
 * Smooth weighted round robin, as in nginx: with every pick each endpoint earns credit in proportion to its weight;
 * the one with the most is picked and pays what all have earned. Weights 5, 1, 1 give a a b a c a a. Credit is
 * counted in picks, and not in weight as in nginx: so no debt outlasts the weights it was made with.
 */

import type { Policy } from "./policy.ts";
import { SmoothWeightedRoundRobin, type TurnCredits } from "./smooth_weighted_round_robin.ts";

/** An endpoint earns nothing while it is not allowed, so that it gets no more than its share when it returns. */
export function roundRobin(credits: TurnCredits): Policy {
  const turns = new SmoothWeightedRoundRobin(credits);
  return (choice) => turns.next(choice.endpoints, (endpoint) => choice.isAllowed(endpoint));
}
