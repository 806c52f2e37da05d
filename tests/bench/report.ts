/** How samples are printed, and the goals they are held against. */
import type { TargetName } from "./options.ts";
import {
  type Column,
  COLUMNS,
  type Comparison,
  comparisonOf,
  medianOf,
  POOL,
  PROXIES,
  ratioOf,
  type Samples,
} from "./samples.ts";

/** All that was measured; what nobody asked for is left out. */
export function tables(samples: Samples): string {
  return [PROXIES, POOL].filter((each) => isMeasured(samples, each)).map((each) => table(samples, each))
    .join("\n\n");
}

function isMeasured(samples: Samples, { targets, columns }: Comparison): boolean {
  return targets.some((target) => columns.some((column) => medianOf(samples, target, column) !== null));
}

/** Rows are targets; a cell is the median and, in parentheses, the ratio to the reference. */
function table(samples: Samples, { targets, columns }: Comparison): string {
  const head = ["", ...columns.map((column) => COLUMNS[column].title)];
  const rows = targets.filter((target) => samples.has(target)).map((target) => [
    target,
    ...columns.map((column) => cell(samples, target, column)),
  ]);
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
  return ratio === null || target === comparisonOf(column).reference
    ? text
    : `${text} (${ratio.toFixed(2)}×)`;
}

/** A goal for the subject of the column's comparison: the ratio to its reference, or a figure in KB. */
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
  { name: "p99 to the first byte, pool", column: "first_byte_p99_ms", kind: "ratio", at: "most", limit: 0.5 },
];

/** A goal and what became of it. */
export interface Outcome {
  readonly name: string;
  readonly goal: string;
  readonly measured: number | null;
  readonly outcome: "reached" | "missed" | "not measured";
}

/** Holds the figures against the goals. */
export function outcomes(samples: Samples): Outcome[] {
  return GOALS.map(({ name, column, kind, at, limit }) => {
    const measured = (kind === "ratio" ? ratioOf : medianOf)(samples, comparisonOf(column).subject, column);
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
  return ["goals (sluice against haproxy, with the pool against without)", ...goals.map(line)].join("\n");
}
