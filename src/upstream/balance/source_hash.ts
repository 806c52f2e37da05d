/** Source hash: every proxy with the same endpoints sends a client to the same one. */

import { hash, MaglevTable } from "./maglev.ts";
import type { Candidate, Choice, Policy } from "./policy.ts";

/** The number of other slots to try for a client whose endpoint is not allowed. */
const ATTEMPTS = 16;
/** Any number, for a hash that is independent of the table's. */
const SLOW_START_SEED = 0x736c_6f77;

/**
 * Makes a policy that hashes the client's address. While an endpoint is not allowed, its clients are spread over the
 * others, and all other clients stay where they are. In a slow start, its clients come back one after the other.
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
      if (endpoint === undefined || !choice.isAllowed(endpoint)) continue;
      if (endpoint.part === 1 || isBack(client, endpoint)) return endpoint;
    }
    return lastResort(choice);
  };
}

/** Whether a client has come back to an endpoint in a slow start: once, and in all proxies at about the same time. */
function isBack(client: string, { part }: Candidate): boolean {
  return hash(client, SLOW_START_SEED) < part * 2 ** 32;
}

/** Used if few are allowed: chooses the one with the highest hash for this client, whatever the order of endpoints. */
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
