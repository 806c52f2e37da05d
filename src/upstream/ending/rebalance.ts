/** Rebalance: ends idle connections of endpoints that have more than their share, so that clients connect again. */

import type { GroupConfig } from "../../config/config.ts";
import { sleep } from "../../net/timers/sleep.ts";
import type { Log } from "../../observe/log/log.ts";
import type { EndpointController } from "../endpoint_controller.ts";
import { lowestTierOf, usableOf } from "../usable.ts";
import { type EndingCalls, endSome } from "./end_some.ts";

type Endpoint = Pick<
  EndpointController,
  "key" | "tier" | "isUp" | "health" | "active" | "weight" | "part" | "maxConnections"
>;

/** An endpoint is left alone up to this multiple of its share: clients never come in exactly the right numbers. */
const TOLERANCE = 1.1;
/** Milliseconds that a message to a thread may be late. */
const LATE = 50;

/**
 * How many connections should end, by endpoint: what exceeds the share by more than a tenth, at most `share` of the
 * endpoint's connections and at least one, and no more than the other endpoints lack.
 */
export function excessOf(endpoints: readonly Endpoint[], share: number): Map<Endpoint, number> {
  const total = endpoints.reduce((sum, { active }) => sum + active, 0);
  const weights = endpoints.reduce((sum, { weight, part }) => sum + weight * part, 0);
  const fair = ({ weight, part }: Endpoint) => total * weight * part / weights;
  let room = endpoints.reduce((sum, endpoint) => {
    const most = Math.min(fair(endpoint), endpoint.maxConnections || Infinity);
    return sum + Math.max(0, Math.floor(most) - endpoint.active);
  }, 0);
  const excess = new Map<Endpoint, number>();
  for (const endpoint of endpoints) {
    const over = endpoint.active - Math.ceil(fair(endpoint) * TOLERANCE);
    const count = Math.min(over, Math.ceil(share * endpoint.active), room);
    if (count <= 0) continue;
    excess.set(endpoint, count);
    room -= count;
  }
  return excess;
}

/** Rebalances a group at intervals until `signal` aborts. @param endpoints All of the group. */
export async function rebalance(
  { name: group, rebalance, healthCheck }: GroupConfig,
  endpoints: () => readonly Endpoint[],
  calls: EndingCalls,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  const { share, every, quiet } = rebalance!;
  const excess = () => {
    const usable = usableOf(endpoints(), healthCheck !== undefined);
    const tier = lowestTierOf(usable);
    return excessOf(usable.filter((endpoint) => endpoint.tier === tier), share);
  };
  /** @param limit With 0, it only examines the connections, so that the next call knows which are idle. */
  const end = (endpoint: Endpoint, limit: number) => {
    const of = { group, endpoint: endpoint.key };
    return endSome(calls, { of, age: 0, idle: quiet, limit }, "rebalance", signal);
  };
  while (!signal.aborted) {
    await sleep(Math.max(0, every - quiet - LATE), signal);
    if (signal.aborted) return;
    await Promise.all([...excess().keys()].map((endpoint) => end(endpoint, 0)));
    await sleep(quiet + LATE, signal);
    for (const [endpoint, count] of excess()) {
      const { active, key } = endpoint;
      const closed = await end(endpoint, count);
      if (closed === 0) continue;
      log.info(`${group}: rebalance, ${closed} of ${active} connections of ${key} closed`, {
        event: "rebalanced",
        upstream: group,
        endpoint: key,
        closed,
        active,
      });
    }
  }
}
