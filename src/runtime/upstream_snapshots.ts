/** Figures of upstream groups, with the pools that services have for them. */

import { addUpPools, type PoolFigures, type UpstreamFigures } from "../observe/upstream_figures.ts";
import type { UpstreamSnapshot } from "../observe/upstream_metrics.ts";
import type { Service } from "../proxy/service.ts";
import type { Group } from "../upstream/group.ts";

/** What the pools of all services for a group have counted; undefined when there are none. */
export function poolFigures(group: Group, services: readonly Service[]): PoolFigures | undefined {
  return addUpPools(services.map((service) => service.poolFigures(group)));
}

export function upstreamFigures(groups: readonly Group[], services: readonly Service[]): UpstreamFigures[] {
  return groups.map((group) => ({
    name: group.name,
    endpoints: group.endpoints.map((endpoint) => endpoint.figures()),
    pool: poolFigures(group, services),
  }));
}

export function upstreamSnapshots(
  groups: readonly Group[],
  services: readonly Service[],
): UpstreamSnapshot[] {
  return upstreamFigures(groups, services).map((figures, index) => ({
    ...figures,
    connectTime: groups[index]!.connectTime,
  }));
}
