/** The metrics of upstream groups and their endpoints. */

import {
  ENDPOINT_COLUMNS,
  type EndpointCounts,
  UPSTREAM_COLUMNS,
  type UpstreamCounts,
} from "../counters/accounts.ts";
import type { Figures } from "../counters/counter_table.ts";
import { familiesOf } from "./family.ts";
import type { EndpointFigures } from "./upstream_figures.ts";

export interface UpstreamSnapshot {
  readonly name: string;
  readonly counted: UpstreamCounts;
  readonly hasPool: boolean;
  readonly endpoints: readonly EndpointSnapshot[];
}

export interface EndpointSnapshot extends Pick<EndpointFigures, "address" | "state" | "admin" | "active"> {
  readonly counted: EndpointCounts;
}

export const UPSTREAM_FAMILIES = familiesOf(["upstream"], UPSTREAM_COLUMNS, [
  {
    name: "sluice_pool_idle_connections",
    type: "gauge",
    help: "Idle connections in the pools of all services and threads.",
    note: "This and the other metrics of pools exist only with a `pool`.",
    read: ({ hasPool, counted }: UpstreamSubject) =>
      hasPool ? counted.poolShelved - counted.poolUnshelved : undefined,
  },
]);

export const ENDPOINT_FAMILIES = familiesOf(["upstream", "endpoint"], ENDPOINT_COLUMNS, [
  {
    name: "sluice_endpoint_up",
    type: "gauge",
    help: "0 while failed health checks or connections keep the endpoint out of use, else 1.",
    note: "What an operator has set does not count.",
    read: ({ endpoints }: EndpointSubject) => endpoints.some(isUp) ? 1 : 0,
  },
  {
    name: "sluice_endpoint_enabled",
    type: "gauge",
    help: "0 while an operator has set the endpoint to drain or down, else 1.",
    read: ({ endpoints }: EndpointSubject) => endpoints.some(({ admin }) => admin === "up") ? 1 : 0,
  },
  {
    name: "sluice_endpoint_connections_active",
    type: "gauge",
    help: "Open client connections to the endpoint.",
    read: ({ endpoints }: EndpointSubject) => endpoints.reduce((sum, { active }) => sum + active, 0),
  },
]);

type UpstreamSubject = ReturnType<typeof upstreamSubject>;
type EndpointSubject = ReturnType<typeof endpointSubjects>[number];

export function upstreamSubject(upstream: UpstreamSnapshot) {
  const features: readonly "pool"[] = upstream.hasPool ? ["pool"] : [];
  return { ...upstream, labels: { upstream: upstream.name }, features };
}

/** One per address: DNS may list an address twice with different weights, and Prometheus cannot tell them apart. */
export function endpointSubjects({ name, endpoints }: UpstreamSnapshot) {
  const features: readonly never[] = [];
  return [...Map.groupBy(endpoints, ({ address }) => address)].map(([address, same]) => ({
    labels: { upstream: name, endpoint: address },
    features,
    endpoints: same,
    counted: sumOf(same.map(({ counted }) => counted)),
  }));
}

function sumOf(counted: readonly EndpointCounts[]): Figures<typeof ENDPOINT_COLUMNS> {
  const sums = Object.entries(ENDPOINT_COLUMNS).map(([key, column]) => [
    key,
    column.sum(counted.map((each) => each[key as keyof EndpointCounts] as never)),
  ]);
  return Object.fromEntries(sums);
}

function isUp({ state }: EndpointSnapshot): boolean {
  return state === "up" || state === "unknown";
}
