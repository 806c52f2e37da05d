/** The figures that the bench measures, and the medians of several rounds. */
import type { TargetName } from "./names.ts";
import type { Growth } from "../options.ts";
import { median, medianRatio } from "./statistics.ts";

interface ColumnInfo {
  readonly title: string;
  /** How many digits after the point are significant. */
  readonly digits: number;
  /** It is about the load generator, so a comparison means nothing. */
  readonly isOfClient?: boolean;
}

/** Every figure of the bench but those of growth. */
const FIXED_COLUMNS = {
  gbit_per_s: { title: "Gbit/s", digits: 1 },
  cpu_ms_per_gb: { title: "CPU ms/GB", digits: 0 },
  gbit_per_s_8: { title: "8 streams Gbit/s", digits: 1 },
  cpu_ms_per_gb_8: { title: "CPU ms/GB", digits: 0 },
  requests_per_s: { title: "requests/s", digits: 0 },
  p50_ms: { title: "p50 ms", digits: 2 },
  p99_ms: { title: "p99 ms", digits: 2 },
  cpu_us_per_request: { title: "CPU µs/req", digits: 1 },
  steady_p50_ms: { title: "p50 ms at 5000/s", digits: 2 },
  steady_p99_ms: { title: "p99 ms at 5000/s", digits: 2 },
  steady_p999_ms: { title: "p99.9 ms", digits: 2 },
  /** How late the client itself was to send. */
  steady_late_p99_ms: { title: "client late p99 ms", digits: 2, isOfClient: true },
  steady_cpu_us_per_request: { title: "CPU µs/req", digits: 1 },
  beside_p50_ms: { title: "p50 ms", digits: 1 },
  beside_p99_ms: { title: "p99 ms", digits: 1 },
  beside_gbit_per_s: { title: "Gbit/s beside", digits: 1 },
  connections_per_s: { title: "conn/s", digits: 0 },
  cpu_us_per_connection: { title: "CPU µs/conn", digits: 0 },
  idle_kb: { title: "KB/conn idle", digits: 1 },
  used_kb: { title: "KB/conn used", digits: 1 },
  tls_gbit_per_s: { title: "TLS Gbit/s", digits: 1 },
  tls_cpu_ms_per_gb: { title: "CPU ms/GB", digits: 0 },
  /** CPU time of the load generator, in per cent; at 100 it is the limit, and not the proxy. */
  tls_client_percent: { title: "client %", digits: 0, isOfClient: true },
  handshakes_per_s: { title: "handshakes/s", digits: 0 },
  cpu_us_per_handshake: { title: "CPU µs/handshake", digits: 0 },
  handshake_client_percent: { title: "client %", digits: 0, isOfClient: true },
  start_ms: { title: "ms to ready", digits: 0 },
  /** From a client's connect to the first byte it gets. */
  first_byte_p50_ms: { title: "first byte p50 ms", digits: 2 },
  first_byte_p99_ms: { title: "first byte p99 ms", digits: 2 },
} as const satisfies Record<string, ColumnInfo>;

/** What the load growth measures with each number of connections. */
export const GROWTH_COLUMNS = {
  requests_per_s_with: { title: "requests/s", digits: 0 },
  cpu_us_per_request_with: { title: "CPU µs/request", digits: 1 },
  memory_mb_with: { title: "memory MB", digits: 0 },
} as const satisfies Record<string, ColumnInfo>;
export type GrowthFigure = keyof typeof GROWTH_COLUMNS;

export type Column = keyof typeof FIXED_COLUMNS | `${GrowthFigure}_${Growth}`;

/** The title and the digits of a column. */
export function columnInfo(column: Column): ColumnInfo {
  if (column in FIXED_COLUMNS) return FIXED_COLUMNS[column as keyof typeof FIXED_COLUMNS];
  const [, figure = "", connections = ""] = /^(.+)_(\d+)$/.exec(column) ?? [];
  return { title: connections, digits: GROWTH_COLUMNS[figure as GrowthFigure].digits };
}

/** The figures of one run of one load on one target. */
export type Sample = Partial<Record<Column, number>>;

/** For each target one sample per round, with all columns; the columns of a failed run are absent. */
export type Samples = Map<TargetName, Sample[]>;

/** The median over the rounds; null without a sample. */
export function medianOf(samples: Samples, target: TargetName, column: Column): number | null {
  return median(valuesOf(samples, target, column));
}

/** The median over the rounds of the ratio to another target; null where they have no round in common. */
export function ratioOf(
  samples: Samples,
  target: TargetName,
  reference: TargetName,
  column: Column,
): number | null {
  return medianRatio(valuesOf(samples, target, column), valuesOf(samples, reference, column));
}

function valuesOf(samples: Samples, target: TargetName, column: Column): (number | undefined)[] {
  return (samples.get(target) ?? []).map((sample) => sample[column]);
}
