/** Samples, what they come to, and how that is printed. */
import type { TargetName } from "./options.ts";

/** Every figure of the bench, with its title in the table and the digits that mean something. */
export const COLUMNS = {
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
} as const;
export type Column = keyof typeof COLUMNS;
export const COLUMN_NAMES = Object.keys(COLUMNS) as Column[];

/** What one run of one load on one target gave. */
export type Sample = Partial<Record<Column, number>>;

/** Per target one sample a round, with all columns; a run that failed left its columns out. */
export type Samples = Map<TargetName, Sample[]>;

const REFERENCE: TargetName = "haproxy";

/** The median over the rounds; null without a sample. */
export function medianOf(samples: Samples, target: TargetName, column: Column): number | null {
  return median((samples.get(target) ?? []).map((sample) => sample[column]));
}

/**
 * The median of the ratios to haproxy within each round. Not the ratio of the medians: the machine's speed changes
 * between rounds more than the programs differ.
 */
export function ratioOf(samples: Samples, target: TargetName, column: Column): number | null {
  const reference = samples.get(REFERENCE) ?? [];
  return median((samples.get(target) ?? []).map((sample, round) => {
    const own = sample[column], other = reference[round]?.[column];
    return own === undefined || !other ? undefined : own / other;
  }));
}

function median(values: (number | undefined)[]): number | null {
  const sorted = values.filter((value) => value !== undefined).sort((a, b) => a - b);
  const low = sorted[Math.floor((sorted.length - 1) / 2)], high = sorted[Math.floor(sorted.length / 2)];
  return low === undefined || high === undefined ? null : (low + high) / 2;
}

/** Rows are targets; a cell is the median and, in parentheses, the ratio to haproxy. */
export function table(samples: Samples): string {
  const head = ["", ...COLUMN_NAMES.map((column) => COLUMNS[column].title)];
  const rows = [...samples.keys()].map((
    target,
  ) => [target, ...COLUMN_NAMES.map((column) => cell(samples, target, column))]);
  const all = [head, ...rows];
  const widths = head.map((_, i) => Math.max(...all.map((row) => row[i]?.length ?? 0)));
  return all.map((row) =>
    row.map((text, i) => i === 0 ? text.padEnd(widths[i] ?? 0) : text.padStart(widths[i] ?? 0)).join("  ")
  )
    .join("\n");
}

function cell(samples: Samples, target: TargetName, column: Column): string {
  const value = medianOf(samples, target, column);
  if (value === null) return "-";
  const ratio = ratioOf(samples, target, column);
  const text = value.toFixed(COLUMNS[column].digits);
  return ratio === null || target === REFERENCE ? text : `${text} (${ratio.toFixed(2)}×)`;
}

/** A goal for sluice: the ratio to haproxy, or a figure in KB. */
interface Goal {
  readonly name: string;
  readonly column: Column;
  readonly kind: "ratio" | "value";
  readonly at: "least" | "most";
  readonly limit: number;
}

const GOALS: readonly Goal[] = [
  { name: "bulk", column: "gbit_per_s", kind: "ratio", at: "least", limit: 1.1 },
  { name: "requests", column: "requests_per_s", kind: "ratio", at: "least", limit: 0.75 },
  { name: "connections", column: "connections_per_s", kind: "ratio", at: "least", limit: 0.35 },
  { name: "CPU per request", column: "cpu_us_per_request", kind: "ratio", at: "most", limit: 1.8 },
  { name: "CPU per connection", column: "cpu_us_per_connection", kind: "ratio", at: "most", limit: 3.5 },
  { name: "idle before the first byte", column: "idle_kb", kind: "value", at: "most", limit: 60 },
  { name: "idle after a byte each way", column: "used_kb", kind: "value", at: "most", limit: 110 },
];

/** A goal and what became of it. */
export interface Outcome {
  readonly name: string;
  readonly goal: string;
  readonly measured: number | null;
  readonly outcome: "reached" | "missed" | "not measured";
}

/** Holds sluice's figures against the goals. */
export function outcomes(samples: Samples): Outcome[] {
  return GOALS.map(({ name, column, kind, at, limit }) => {
    const measured = (kind === "ratio" ? ratioOf : medianOf)(samples, "sluice", column);
    const goal = `${at === "least" ? "≥" : "≤"} ${limit}${kind === "ratio" ? "×" : " KB"}`;
    if (measured === null) return { name, goal, measured, outcome: "not measured" };
    const reached = at === "least" ? measured >= limit : measured <= limit;
    return { name, goal, measured, outcome: reached ? "reached" : "missed" };
  });
}

/** One line a goal. */
export function goalLines(goals: readonly Outcome[]): string {
  const line = ({ name, goal, measured, outcome }: Outcome) => {
    return `  ${name.padEnd(28)} ${goal.padEnd(9)} ${(measured?.toFixed(2) ?? "-").padStart(8)}  ${outcome}`;
  };
  return ["goals (sluice against haproxy)", ...goals.map(line)].join("\n");
}
