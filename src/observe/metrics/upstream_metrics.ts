/** The metrics of upstream groups and their endpoints. */

import {
  ENDPOINT_COLUMNS,
  type EndpointCounts,
  UPSTREAM_COLUMNS,
  type UpstreamCounts,
} from "../counters/accounts.ts";
import type { Figures } from "../counters/counter_table.ts";
import { familiesOf } from "./family.ts";
import type { Labels } from "./prometheus.ts";
import type { DiscoveryFigures, EndpointFigures } from "./upstream_figures.ts";

export interface UpstreamSnapshot {
  readonly name: string;
  readonly counted: UpstreamCounts;
  readonly hasPool: boolean;
  /** Clients in its queue; undefined without one. */
  readonly queued: number | undefined;
  /** Whether clients wait while no endpoint is up. */
  readonly holds: boolean;
  /** The address of the endpoint that all new connections go to; undefined without `stick`. */
  readonly stuck?: string | undefined;
  /** Undefined for endpoints of the configuration. */
  readonly discovery?: DiscoveryFigures | undefined;
  readonly endpoints: readonly EndpointSnapshot[];
}

export interface EndpointSnapshot
  extends Pick<EndpointFigures, "address" | "state" | "admin" | "tier" | "active" | "lastCheck"> {
  /** Health checks by kind and outcome. */
  readonly checks: ReadonlyMap<string, Readonly<Record<string, number>>>;
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
  {
    name: "sluice_queue_length",
    type: "gauge",
    help: "Clients that wait for a place at an endpoint.",
    read: ({ queued }: UpstreamSubject) => queued,
  },
  {
    name: "sluice_waiting_connections",
    type: "gauge",
    help: "Clients that wait until an endpoint is up.",
    note: "Exists only with `on_all_down: wait`.",
    read: ({ holds, counted }: UpstreamSubject) => holds ? waitingIn(counted) : undefined,
  },
  {
    name: "sluice_discovery_last_success_timestamp_seconds",
    type: "gauge",
    help: "When the source of the group's endpoints last answered, Unix seconds.",
    note:
      "This and the next three exist only with `discovery`; this one only after the first answer. `source` is `dns`, `file`, ….",
    extraLabels: ["source"],
    read: (subject: UpstreamSubject) =>
      ofSource(subject, ({ lastSuccess }) => lastSuccess === undefined ? undefined : lastSuccess / 1000),
  },
  {
    name: "sluice_discovery_failures_total",
    type: "counter",
    help: "Missing or unusable answers of the source. After one, the endpoints stay as they are.",
    extraLabels: ["source"],
    read: (subject: UpstreamSubject) => ofSource(subject, ({ failures }) => failures),
  },
  {
    name: "sluice_discovery_stale",
    type: "gauge",
    help: "Whether part of the source cannot be used, and its last endpoints stay: 1 or 0.",
    extraLabels: ["source"],
    read: (subject: UpstreamSubject) => ofSource(subject, ({ error }) => Number(error !== undefined)),
  },
  {
    name: "sluice_discovery_endpoints",
    type: "gauge",
    help: "Endpoints of the group that come from the source.",
    extraLabels: ["source"],
    read: (subject: UpstreamSubject) => ofSource(subject, () => subject.endpoints.length),
  },
]);

function ofSource(
  { discovery }: UpstreamSubject,
  read: (figures: DiscoveryFigures) => number | undefined,
): [Labels, number][] {
  const value = discovery && read(discovery);
  return value === undefined ? [] : [[{ source: discovery!.source }, value]];
}

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
    help:
      "0 while an operator has set the endpoint to drain or down, or its source says it is about to go, else 1.",
    read: ({ endpoints }: EndpointSubject) => endpoints.some(({ admin }) => admin === "up") ? 1 : 0,
  },
  {
    name: "sluice_endpoint_tier",
    type: "gauge",
    help: "The endpoint's tier; the lowest with a usable endpoint gets the connections.",
    read: ({ endpoints }: EndpointSubject) => Math.min(...endpoints.map(({ tier }) => tier)),
  },
  {
    name: "sluice_endpoint_stuck",
    type: "gauge",
    help: "Whether all new connections of the group go to the endpoint: 1 or 0.",
    note: "Only for groups with `stick`.",
    read: ({ stuck, labels }: EndpointSubject) =>
      stuck === undefined ? undefined : Number(stuck === labels.endpoint),
  },
  {
    name: "sluice_endpoint_connections_active",
    type: "gauge",
    help: "Open client connections to the endpoint.",
    read: ({ endpoints }: EndpointSubject) => endpoints.reduce((sum, { active }) => sum + active, 0),
  },
  {
    name: "sluice_health_checks_total",
    type: "counter",
    help: "Health checks that have ended.",
    note:
      "`check` is `connect`, `script` or `http`; `result` is `good`, `bad`, or `skipped` if sluice had no port or " +
      "descriptor for it.",
    extraLabels: ["check", "result"],
    read: ({ endpoints }: EndpointSubject) => countChecks(endpoints),
  },
  {
    name: "sluice_health_check_seconds",
    type: "gauge",
    help: "Duration of the last health check.",
    read: ({ endpoints }: EndpointSubject) => {
      const duration = endpoints.find(({ lastCheck }) => lastCheck !== undefined)?.lastCheck?.duration;
      return duration === undefined ? undefined : duration / 1000;
    },
  },
]);

type UpstreamSubject = ReturnType<typeof upstreamSubject>;
type EndpointSubject = ReturnType<typeof endpointSubjects>[number];

export function upstreamSubject(upstream: UpstreamSnapshot) {
  const features: ("pool" | "queue")[] = [];
  if (upstream.hasPool) features.push("pool");
  if (upstream.queued !== undefined) features.push("queue");
  return { ...upstream, labels: { upstream: upstream.name }, features };
}

/**
 * Merged by address: DNS may list an address twice with different weights, which Prometheus could not distinguish.
 */
export function endpointSubjects({ name, stuck, endpoints }: UpstreamSnapshot) {
  const features: readonly never[] = [];
  return [...Map.groupBy(endpoints, ({ address }) => address)].map(([address, same]) => ({
    labels: { upstream: name, endpoint: address },
    features,
    stuck,
    endpoints: same,
    counted: sumOf(same.map(({ counted }) => counted)),
  }));
}

/** How many clients wait until an endpoint is up. */
export function waitingIn({ heldBegan, heldEnded }: UpstreamCounts): number {
  return heldBegan - heldEnded;
}

function sumOf(counted: readonly EndpointCounts[]): Figures<typeof ENDPOINT_COLUMNS> {
  const sums = Object.entries(ENDPOINT_COLUMNS).map(([key, column]) => [
    key,
    column.sum(counted.map((each) => each[key as keyof EndpointCounts] as never)),
  ]);
  return Object.fromEntries(sums);
}

function countChecks(endpoints: readonly EndpointSnapshot[]) {
  const kinds = new Set(endpoints.flatMap(({ checks }) => [...checks.keys()]));
  return [...kinds].flatMap((check) =>
    ["good", "bad", "skipped"].map((result) => {
      const counts = endpoints.map(({ checks }) => checks.get(check)?.[result] ?? 0);
      return [{ check, result }, counts.reduce((sum, count) => sum + count, 0)] as const;
    })
  );
}

function isUp({ state }: EndpointSnapshot): boolean {
  return state === "up" || state === "unknown";
}
