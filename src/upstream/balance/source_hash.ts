/** Source hash: every proxy with the same endpoints sends a client to the same one. */

import { hash, MaglevTable } from "./maglev.ts";
import type { Candidate, Choice, Policy } from "./policy.ts";

/** How many other slots are tried for a client whose endpoint is not allowed. */
const ATTEMPTS = 16;

/**
 * Makes a policy that hashes the client's address. While an endpoint is not allowed, its clients are spread over the
 * others, and all other clients stay where they are.
 */
export function sourceHash(): Policy {
  const tables = new WeakMap<readonly Candidate[], MaglevTable>();
  return (choice) => {
    const { endpoints, client } = choice;
    if (endpoints.length === 0) return undefined;
    let table = tables.get(endpoints);
    if (table === undefined) tables.set(endpoints, table = new MaglevTable(endpoints));
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const endpoint = endpoints[table.find(client, attempt)];
      if (endpoint !== undefined && choice.isAllowed(endpoint)) return endpoint;
    }
    return lastResort(choice);
  };
}

/** If few are allowed: the one with the highest hash for this client, whatever the order of the endpoints. */
function lastResort<Endpoint extends Candidate>(choice: Choice<Endpoint>): Endpoint | undefined {
  const seed = hash(choice.client, ATTEMPTS);
  let best: Endpoint | undefined;
  let highest = -1;
  for (const endpoint of choice.endpoints) {
    const score = hash(endpoint.key, seed);
    if (score <= highest || !choice.isAllowed(endpoint)) continue;
    highest = score;
    best = endpoint;
  }
  return best;
}
