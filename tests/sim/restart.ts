/** How even the connections are over the endpoints when all proxies of a fleet start at once. */

import { randomTwo } from "../../src/upstream/balance/random_two.ts";
import { type PolicyName, policyOf } from "../../src/upstream/balance/registry.ts";
import { TurnCredits } from "../../src/upstream/balance/smooth_weighted_round_robin.ts";
import { clientOf, endpointsOf, randomFrom } from "./fleet.ts";

export interface RestartOptions {
  readonly policy: PolicyName;
  readonly proxies: number;
  readonly endpoints: number;
  /** Connections that a proxy has on average when the endpoints are looked at, in ascending order. */
  readonly moments: readonly number[];
  readonly seed: number;
}

/**
 * The connections of the endpoint with the most of them at each moment, as multiples of the fair share. Clients come
 * through any proxy, and their connections stay.
 */
export function restartOf({ policy, proxies, endpoints: count, moments, seed }: RestartOptions): number[] {
  const random = randomFrom(seed);
  // All proxies have the same table for source_hash, and decide by nothing else.
  const fleet = Array.from({ length: policy === "source_hash" ? 1 : proxies }, () => {
    // The same chance in every run, which the registry does not give.
    const choose = policy === "random_two" ? randomTwo(random) : policyOf(policy, new TurnCredits(count));
    return { endpoints: endpointsOf(count), choose };
  });
  const open = new Array<number>(count).fill(0);
  let clients = 0;
  return moments.map((each) => {
    for (; clients < each * proxies; clients++) {
      const { endpoints, choose } = fleet[Math.floor(random() * fleet.length)]!;
      const chosen = choose({ endpoints, client: clientOf(clients), isAllowed: () => true })!;
      chosen.active += 1;
      open[chosen.id]! += 1;
    }
    return Math.max(...open) * count / clients;
  });
}
