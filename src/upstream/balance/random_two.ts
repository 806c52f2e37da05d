/**
 * The power of two random choices: draws two endpoints by weight, and chooses the one with the lower load. The load is
 * nearly as even as with least connections, and independent proxies do not all choose the same endpoint.
 */

import { type Candidate, loadOf, type Policy, shareOf } from "./policy.ts";

/** @param random A number from 0 to below 1. */
export function randomTwo(random: () => number = Math.random): Policy {
  return (choice) => {
    const allowed = choice.endpoints.filter((endpoint) => choice.isAllowed(endpoint));
    let total = 0;
    for (const endpoint of allowed) total += shareOf(endpoint);
    const first = draw(allowed, random() * total);
    if (first === undefined || allowed.length === 1) return first;
    const second = draw(allowed, random() * (total - shareOf(first)), first);
    return second !== undefined && loadOf(second) < loadOf(first) ? second : first;
  };
}

/** Chooses by a point on a line on which each endpoint except `except` has the length of its share. */
function draw<Endpoint extends Candidate>(
  endpoints: readonly Endpoint[],
  point: number,
  except?: Endpoint,
): Endpoint | undefined {
  let drawn: Endpoint | undefined;
  let rest = point;
  for (const endpoint of endpoints) {
    if (endpoint === except) continue;
    drawn = endpoint;
    rest -= shareOf(endpoint);
    if (rest < 0) break;
  }
  return drawn;
}
