/** The tables of the bench, which put figures side by side. */
import {
  FAULT_TARGETS,
  POOL_TARGETS,
  RELAY_TARGETS,
  SPAN_TARGETS,
  type TargetName,
  THREADED_TARGETS,
  TLS_TARGETS,
} from "./names.ts";
import { GROWTH } from "../options.ts";
import { type Column, GROWTH_COLUMNS, type GrowthFigure } from "./samples.ts";

/** The rows and columns of one table. */
export interface Comparison {
  readonly title: string;
  readonly targets: readonly TargetName[];
  readonly columns: readonly Column[];
  /** The target that the others are compared with. */
  readonly reference: TargetName;
}

const GROWTH_TARGETS: readonly TargetName[] = ["direct", "sluice", "haproxy", "nginx"];

/** All tables, in the order in which they are printed. "direct" has no proxy: it is the limit of the machine. */
export const COMPARISONS: readonly Comparison[] = [
  plain("Bulk transfer, one stream and eight", [
    "gbit_per_s",
    "cpu_ms_per_gb",
    "gbit_per_s_8",
    "cpu_ms_per_gb_8",
  ]),
  plain("Requests, 50 clients that wait for their answers", [
    "requests_per_s",
    "p50_ms",
    "p99_ms",
    "cpu_us_per_request",
  ]),
  plain("Requests at 5 000/s over 50 connections, counted from when they were due", [
    "steady_p50_ms",
    "steady_p99_ms",
    "steady_p999_ms",
    "steady_late_p99_ms",
    "steady_cpu_us_per_request",
  ]),
  plain("Small requests of four clients beside eight bulk streams", [
    "beside_p50_ms",
    "beside_p99_ms",
    "beside_gbit_per_s",
  ]),
  plain("Connections and their memory", [
    "connections_per_s",
    "cpu_us_per_connection",
    "idle_kb",
    "used_kb",
    "start_ms",
  ]),
  {
    title: "TLS 1.3 that ends at the proxy",
    targets: TLS_TARGETS,
    columns: [
      "tls_gbit_per_s",
      "tls_cpu_ms_per_gb",
      "tls_client_percent",
      "handshakes_per_s",
      "cpu_us_per_handshake",
      "handshake_client_percent",
    ],
    reference: "haproxy",
  },
  {
    title: "Faults: permitted, and with 1 ms of latency each way",
    targets: FAULT_TARGETS,
    columns: [
      "gbit_per_s",
      "cpu_ms_per_gb",
      "requests_per_s",
      "p50_ms",
      "cpu_us_per_request",
      "connections_per_s",
      "cpu_us_per_connection",
    ],
    reference: "sluice",
  },
  {
    title: "A span for each connection over OTLP, and for a tenth",
    targets: SPAN_TARGETS,
    columns: ["connections_per_s", "cpu_us_per_connection"],
    reference: "sluice",
  },
  {
    title: "Two threads",
    targets: ["direct", ...THREADED_TARGETS],
    columns: [
      "gbit_per_s_8",
      "cpu_ms_per_gb_8",
      "requests_per_s",
      "p99_ms",
      "cpu_us_per_request",
      "connections_per_s",
      "cpu_us_per_connection",
    ],
    reference: "haproxy 2 threads",
  },
  ...(Object.keys(GROWTH_COLUMNS) as GrowthFigure[]).map((figure): Comparison => ({
    title: `Growth: ${GROWTH_COLUMNS[figure].title} with this many connections`,
    targets: GROWTH_TARGETS,
    columns: GROWTH.map((connections) => `${figure}_${connections}` as const),
    reference: "haproxy",
  })),
  {
    title: "An upstream that speaks first, with a warm pool and without",
    targets: POOL_TARGETS,
    columns: ["first_byte_p50_ms", "first_byte_p99_ms"],
    reference: "sluice",
  },
];

function plain(title: string, columns: readonly Column[]): Comparison {
  return { title, targets: RELAY_TARGETS, columns, reference: "haproxy" };
}
