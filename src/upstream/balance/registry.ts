/** The balancing policies: the only list of them, which the configuration's `balance` offers in this order. */

import { leastConnections } from "./least_connections.ts";
import type { Policy } from "./policy.ts";
import { randomTwo } from "./random_two.ts";
import { roundRobin } from "./round_robin.ts";
import type { TurnCredits } from "./smooth_weighted_round_robin.ts";
import { sourceHash } from "./source_hash.ts";

const POLICIES = {
  round_robin: roundRobin,
  least_connections: leastConnections,
  random_two: () => randomTwo(),
  source_hash: () => sourceHash(),
} satisfies Record<string, (credits: TurnCredits) => Policy>;

export type PolicyName = keyof typeof POLICIES;

export const POLICY_NAMES = Object.keys(POLICIES) as PolicyName[];

/** @param credits The credits of all threads, for policies in which endpoints take turns. */
export function policyOf(name: PolicyName, credits: TurnCredits): Policy {
  return POLICIES[name](credits);
}
