/** The metrics of the program, for Prometheus. */

import { PROGRAM_COLUMNS, type ProgramCounts } from "../counters/accounts.ts";
import { ACME_METRICS, type AcmeFigures } from "./acme_metrics.ts";
import { familiesOf, type FamilySamples, samplesOfAll } from "./family.ts";
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

/** The values of all metrics at one moment. Nothing in it comes from a client. */
export interface MetricsSnapshot {
  readonly version: string;
  /** The version of Deno. */
  readonly deno: string;
  readonly threads: number;
  /** How often a thread that had died was replaced. */
  readonly threadRestarts: number;
  readonly process: ProcessFigures;
  readonly counted: ProgramCounts;
  /** Of all services together; 0 is no limit. */
  readonly connectionLimit: number;
  readonly services: readonly ServiceSnapshot[];
  readonly upstreams: readonly UpstreamSnapshot[];
  readonly lists: readonly ListFigures[];
  readonly acme: readonly AcmeFigures[];
  /** Undefined before the first configuration is in effect. */
  readonly reload: ReloadFigures | undefined;
  /** Lines of logs that were dropped since the start. */
  readonly droppedLines: { readonly program: number; readonly access: number };
}

/** The last attempt to use a configuration: the start, or a reload. */
export interface ReloadFigures {
  readonly isGood: boolean;
  /** When the last good one ended, in milliseconds since 1970. */
  readonly lastGoodAt: number;
}

/** A file with the entries of a list. */
export interface ListFigures {
  readonly kind: "addresses" | "names";
  readonly path: string;
  readonly entries: number;
  /** The file cannot be used, and its previous entries stay. */
  readonly isStale: boolean;
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
    name: "sluice_thread_restarts_total",
    type: "counter",
    help: "Threads that died and were replaced.",
    read: ({ threadRestarts }: Program) => threadRestarts,
  },
  {
    name: "sluice_config_last_reload_successful",
    type: "gauge",
    help: "Whether everything that the last reload read is in use: 1 or 0.",
    note: "The start counts as a reload. Certificates and lists that are reread because they changed do not.",
    read: ({ reload }: Program) => reload && Number(reload.isGood),
  },
  {
    name: "sluice_config_last_reload_success_timestamp_seconds",
    type: "gauge",
    help: "Time of the last successful reload, Unix seconds.",
    read: ({ reload }: Program) => reload && reload.lastGoodAt / 1000,
  },
  {
    name: "sluice_log_lines_dropped_total",
    type: "counter",
    help: "Lines that were dropped because their log could not be written fast enough.",
    note: "`log`: program is stderr, access is the file of `log.access.path`.",
    extraLabels: ["log"],
    read: ({ droppedLines }: Program) =>
      Object.entries(droppedLines).map(([log, count]): [Labels, number] => [{ log }, count]),
  },
  {
    name: "sluice_build_info",
    type: "gauge",
    help: "Always 1; the labels are the versions.",
    extraLabels: ["version", "deno"],
    read: ({ version, deno }: Program): [Labels, number][] => [[{ version, deno }, 1]],
  },
  {
    name: "sluice_list_entries",
    type: "gauge",
    help: "Entries in use of a file that lists name.",
    note: "`kind`: addresses, names. Absent without such files.",
    extraLabels: ["file", "kind"],
    read: ({ lists }: Program) => lists.map((list): [Labels, number] => [labelsOf(list), list.entries]),
  },
  {
    name: "sluice_list_stale",
    type: "gauge",
    help: "Whether such a file cannot be used, and its previous entries stay: 1 or 0.",
    extraLabels: ["file", "kind"],
    read: ({ lists }: Program) =>
      lists.map((list): [Labels, number] => [labelsOf(list), Number(list.isStale)]),
  },
  ...ACME_METRICS,
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
  {
    name: "process_max_fds",
    type: "gauge",
    help: "Most file descriptors that the process may open.",
    note: "As `process_open_fds`.",
    read: ({ process }: Program) => process.maxDescriptors,
  },
]);

type Program = ReturnType<typeof programSubject>;

function programSubject(snapshot: MetricsSnapshot) {
  const features: readonly never[] = [];
  return { ...snapshot, labels: {}, features };
}

function labelsOf({ path, kind }: ListFigures): Labels {
  return { file: path, kind };
}

/** All families by subject, in the order of `/metrics` and docs/metrics.md. */
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
  for (const [family, samples] of samplesOf(snapshot)) text.family(family, samples);
  return text.toString();
}

/** All families with their samples. */
export function samplesOf(snapshot: MetricsSnapshot): FamilySamples[] {
  const { services, upstreams } = snapshot;
  return [
    ...samplesOfAll(SERVICE_FAMILIES, services.map(serviceSubject)),
    ...samplesOfAll(UPSTREAM_FAMILIES, upstreams.map(upstreamSubject)),
    ...samplesOfAll(ENDPOINT_FAMILIES, upstreams.flatMap(endpointSubjects)),
    ...samplesOfAll(PROGRAM_FAMILIES, [programSubject(snapshot)]),
  ];
}
