/** What the bench measures, and what the samples of several rounds come to. */
import { PLAIN_TARGETS, POOL_TARGETS, type TargetName } from "./options.ts";

interface ColumnInfo {
  readonly title: string;
  /** Digits after the point that mean something. */
  readonly digits: number;
}

/** Columns of every load but `pool`. */
const PLAIN_COLUMNS = {
  gbit_per_s: { title: "Gbit/s", digits: 1 },
  cpu_ms_per_gb: { title: "CPU ms/GB", digits: 0 },
  requests_per_s: { title: "requests/s", digits: 0 },
  p50_ms: { title: "p50 ms", digits: 2 },
  p99_ms: { title: "p99 ms", digits: 2 },
  cpu_us_per_request: { title: "CPU µs/req", digits: 1 },
  connections_per_s: { title: "conn/s", digits: 0 },
  cpu_us_per_connection: { title: "CPU µs/conn", digits: 0 },
  idle_kb: { title: "KB idle", digits: 1 },
  used_kb: { title: "KB used", digits: 1 },
} as const satisfies Record<string, ColumnInfo>;

/** From a client's connect to the first byte it gets. */
const POOL_COLUMNS = {
  first_byte_p50_ms: { title: "first byte p50 ms", digits: 2 },
  first_byte_p99_ms: { title: "first byte p99 ms", digits: 2 },
} as const satisfies Record<string, ColumnInfo>;

/** Every figure of the bench. */
export const COLUMNS = { ...PLAIN_COLUMNS, ...POOL_COLUMNS };
export type Column = keyof typeof COLUMNS;

/** Figures that belong together: the rows and columns of one table. */
export interface Comparison {
  readonly targets: readonly TargetName[];
  readonly columns: readonly Column[];
  /** What the goals are about. */
  readonly subject: TargetName;
  /** What the others are compared with. */
  readonly reference: TargetName;
}

/** sluice beside other proxies. */
export const PROXIES: Comparison = {
  targets: PLAIN_TARGETS,
  columns: Object.keys(PLAIN_COLUMNS) as Column[],
  subject: "sluice",
  reference: "haproxy",
};

/** sluice with a warm pool beside sluice without. */
export const POOL: Comparison = {
  targets: POOL_TARGETS,
  columns: Object.keys(POOL_COLUMNS) as Column[],
  subject: "sluice+pool",
  reference: "sluice",
};

/** The comparison a column belongs to. */
export function comparisonOf(column: Column): Comparison {
  return POOL.columns.includes(column) ? POOL : PROXIES;
}

/** What one run of one load on one target gave. */
export type Sample = Partial<Record<Column, number>>;

/** Per target one sample a round, with all columns; a run that failed left its columns out. */
export type Samples = Map<TargetName, Sample[]>;

/** The median over the rounds; null without a sample. */
export function medianOf(samples: Samples, target: TargetName, column: Column): number | null {
  return median((samples.get(target) ?? []).map((sample) => sample[column]));
}

/**
 * The median of the ratios to the column's reference within each round. Not the ratio of the medians: the machine's
 * speed changes between rounds more than the programs differ.
 */
export function ratioOf(samples: Samples, target: TargetName, column: Column): number | null {
  const others = samples.get(comparisonOf(column).reference) ?? [];
  return median((samples.get(target) ?? []).map((sample, round) => {
    const own = sample[column], other = others[round]?.[column];
    return own === undefined || !other ? undefined : own / other;
  }));
}

function median(values: (number | undefined)[]): number | null {
  const sorted = values.filter((value) => value !== undefined).sort((a, b) => a - b);
  const low = sorted[Math.floor((sorted.length - 1) / 2)], high = sorted[Math.floor(sorted.length / 2)];
  return low === undefined || high === undefined ? null : (low + high) / 2;
}
