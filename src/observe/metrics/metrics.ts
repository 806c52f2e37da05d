/** What the program exposes to Prometheus. */

import { PROGRAM_COLUMNS, type ProgramCounts } from "../counters/accounts.ts";
import { familiesOf, writeFamilies } from "./family.ts";
import type { ProcessFigures } from "./process_figures.ts";
import { type Labels, PrometheusText } from "./prometheus.ts";
import { SERVICE_FAMILIES, type ServiceSnapshot, serviceSubject } from "./service_metrics.ts";
import {
  ENDPOINT_FAMILIES,
  endpointSubjects,
  UPSTREAM_FAMILIES,
  type UpstreamSnapshot,
  upstreamSubject,
} from "./upstream_metrics.ts";

/** Everything that metrics are made of, at one moment. Nothing in it comes from a client. */
export interface MetricsSnapshot {
  readonly version: string;
  /** The version of Deno. */
  readonly deno: string;
  readonly threads: number;
  readonly process: ProcessFigures;
  readonly counted: ProgramCounts;
  /** Of all services together; 0 is no limit. */
  readonly connectionLimit: number;
  readonly services: readonly ServiceSnapshot[];
  readonly upstreams: readonly UpstreamSnapshot[];
}

const PROGRAM_FAMILIES = familiesOf([], PROGRAM_COLUMNS, [
  {
    name: "sluice_connections_limit",
    type: "gauge",
    help: "Limit of open connections of all services together.",
    note: "Absent without `limits.connections` of the whole process.",
    read: ({ connectionLimit }: Program) => connectionLimit || undefined,
  },
  {
    name: "sluice_threads",
    type: "gauge",
    help: "Threads that accept and relay connections.",
    note: "One that is being restarted counts.",
    read: ({ threads }: Program) => threads,
  },
  {
    name: "sluice_build_info",
    type: "gauge",
    help: "Always 1; the labels are the versions.",
    extraLabels: ["version", "deno"],
    read: ({ version, deno }: Program): [Labels, number][] => [[{ version, deno }, 1]],
  },
  {
    name: "process_cpu_seconds_total",
    type: "counter",
    help: "CPU time of the process, user and system, in seconds.",
    read: ({ process }: Program) => process.cpuSeconds,
  },
  {
    name: "process_resident_memory_bytes",
    type: "gauge",
    help: "Resident memory of the process.",
    read: ({ process }: Program) => process.residentBytes,
  },
  {
    name: "process_start_time_seconds",
    type: "gauge",
    help: "Start time of the process, Unix seconds.",
    read: ({ process }: Program) => process.startedAt / 1000,
  },
  {
    name: "process_open_fds",
    type: "gauge",
    help: "Open file descriptors of the process.",
    note: "Only with `deno run -A`: Deno protects `/proc` with all permissions.",
    read: ({ process }: Program) => process.openDescriptors,
  },
]);

type Program = ReturnType<typeof programSubject>;

function programSubject(snapshot: MetricsSnapshot) {
  const features: readonly never[] = [];
  return { ...snapshot, labels: {}, features };
}

/** All families by what they are about, in the order of `/metrics` and of docs/metrics.md. */
export const METRIC_FAMILIES = {
  services: SERVICE_FAMILIES,
  upstreams: [...UPSTREAM_FAMILIES, ...ENDPOINT_FAMILIES],
  program: PROGRAM_FAMILIES,
};

/**
 * The metrics in Prometheus text format 0.0.4. Families and samples always come in the same order. Labels hold only
 * names of the configuration, addresses of endpoints, and reasons of a fixed list, so clients cannot make new series.
 * Series of services and endpoints begin at 0; a series with a reason begins when the reason first occurs.
 */
export function renderMetrics(snapshot: MetricsSnapshot): string {
  const text = new PrometheusText();
  writeFamilies(text, SERVICE_FAMILIES, snapshot.services.map(serviceSubject));
  writeFamilies(text, UPSTREAM_FAMILIES, snapshot.upstreams.map(upstreamSubject));
  writeFamilies(text, ENDPOINT_FAMILIES, snapshot.upstreams.flatMap(endpointSubjects));
  writeFamilies(text, PROGRAM_FAMILIES, [programSubject(snapshot)]);
  return text.toString();
}
