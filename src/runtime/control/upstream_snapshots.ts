/** Figures of upstream groups, with the pools that services have for them. */

import { groupsOf } from "../../config/rules/groups.ts";
import type { PoolFigures, UpstreamFigures } from "../../observe/metrics/upstream_figures.ts";
import type { UpstreamSnapshot } from "../../observe/metrics/upstream_metrics.ts";
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
    pool: poolFigures(group, supervisor),
  }));
}

export function upstreamSnapshots(supervisor: Supervisor): UpstreamSnapshot[] {
  return supervisor.groups.map((group) => ({
    name: group.name,
    counted: group.row.figures(),
    hasPool: poolFigures(group, supervisor) !== undefined,
    endpoints: group.endpoints.map((endpoint) => ({ ...endpoint.figures(), counted: endpoint.counted() })),
  }));
}
