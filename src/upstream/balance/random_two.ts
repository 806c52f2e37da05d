/**
 * The power of two random choices: of two endpoints drawn by weight, the one with the lower load. Nearly as even as
 * least connections, and independent proxies do not all choose the same endpoint.
 */

import { type Candidate, loadOf, type Policy } from "./policy.ts";

/** @param random A number from 0 to below 1. */
export function randomTwo(random: () => number = Math.random): Policy {
  return (choice) => {
    const allowed = choice.endpoints.filter((endpoint) => choice.isAllowed(endpoint));
    let total = 0;
    for (const { weight } of allowed) total += weight;
    const first = draw(allowed, random() * total);
    if (first === undefined || allowed.length === 1) return first;
    const second = draw(allowed, random() * (total - first.weight), first);
    return second !== undefined && loadOf(second) < loadOf(first) ? second : first;
  };
}

/** The endpoint at a point of a line on which each endpoint but `except` has the length of its weight. */
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
    rest -= endpoint.weight;
    if (rest < 0) break;
  }
  return drawn;
}
