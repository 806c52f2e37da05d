/** Figures of upstream groups, with the pools that services have for them. */

import { groupsOf } from "../../config/service_groups.ts";
import { countOf } from "../../observe/counters/columns.ts";
import type { PoolFigures, QueueFigures, UpstreamFigures } from "../../observe/metrics/upstream_figures.ts";
import { type UpstreamSnapshot, waitingIn } from "../../observe/metrics/upstream_metrics.ts";
import type { GroupController } from "../../upstream/group_controller.ts";
import { poolFiguresOf } from "../../upstream/pool/pool.ts";
import type { Supervisor } from "./supervisor.ts";

/** The counts of the pools for a group in all services; undefined when there are none. */
export function poolFigures(group: GroupController, { services }: Supervisor): PoolFigures | undefined {
  const isUsed = services.some(({ config }) => groupsOf(config).some(({ name }) => name === group.name));
  return group.config.pool !== undefined && isUsed ? poolFiguresOf(group.row) : undefined;
}

export function upstreamFigures(supervisor: Supervisor): UpstreamFigures[] {
  return supervisor.groups.map((group) => ({
    name: group.name,
    endpoints: group.endpoints.map((endpoint) => endpoint.figures()),
    stuck: group.stuck,
    pool: poolFigures(group, supervisor),
    queue: queueFigures(group),
    waiting: waitingIn(group.row.figures()),
    discovery: group.discovery,
  }));
}

/** The clients in a queue; undefined without one. */
function queuedIn({ config, queue }: GroupController): number | undefined {
  return config.queue === undefined ? undefined : queue?.value;
}

/** Undefined without a queue. */
export function queueFigures(group: GroupController): QueueFigures | undefined {
  const length = queuedIn(group);
  if (length === undefined) return undefined;
  const { queueWait, queueTimeouts: timeouts, queueRefused: refused } = group.row.figures();
  return { length, waited: countOf(queueWait), timeouts, refused };
}

export function upstreamSnapshots(supervisor: Supervisor): UpstreamSnapshot[] {
  return supervisor.groups.map((group) => ({
    name: group.name,
    counted: group.row.figures(),
    hasPool: poolFigures(group, supervisor) !== undefined,
    queued: queuedIn(group),
    holds: group.config.onAllDown === "wait",
    stuck: group.stuck,
    discovery: group.discovery,
    endpoints: group.endpoints.map((endpoint) => ({
      ...endpoint.figures(),
      counted: endpoint.counted(),
      checks: endpoint.checks,
    })),
  }));
}
