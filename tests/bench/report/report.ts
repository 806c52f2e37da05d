/** Prints samples and goals. */
import { type Comparison, COMPARISONS } from "./comparisons.ts";
import type { Outcome } from "./goals.ts";
import type { TargetName } from "./names.ts";
import { type Column, columnInfo, medianOf, ratioOf, type Samples } from "./samples.ts";

/** The tables of all that the bench has measured, and of nothing else. */
export function tables(samples: Samples): string {
  return COMPARISONS.flatMap((each) => {
    const columns = each.columns.filter((column) => isMeasured(samples, each.targets, column));
    return columns.length === 0 ? [] : [`${each.title}\n${table(samples, { ...each, columns })}`];
  }).join("\n\n");
}

function isMeasured(samples: Samples, targets: readonly TargetName[], column: Column): boolean {
  return targets.some((target) => medianOf(samples, target, column) !== null);
}

/** Rows are targets; a cell is the median and, in parentheses, the median ratio to the reference. */
function table(samples: Samples, comparison: Comparison): string {
  const { targets, columns } = comparison;
  const head = ["", ...columns.map((column) => columnInfo(column).title)];
  const isShown = (target: TargetName) => columns.some((column) => isMeasured(samples, [target], column));
  const rows = targets.filter(isShown).map((target) => [
    target,
    ...columns.map((column) => cell(samples, comparison, target, column)),
  ]);
  return aligned([head, ...rows]);
}

function cell(samples: Samples, { reference }: Comparison, target: TargetName, column: Column): string {
  const value = medianOf(samples, target, column);
  if (value === null) return "-";
  const { digits, isOfClient } = columnInfo(column);
  const ratio = isOfClient ? null : ratioOf(samples, target, reference, column);
  const text = value.toFixed(digits);
  return ratio === null || target === reference ? text : `${text} (${ratio.toFixed(2)}×)`;
}

/** One line for each goal. */
export function goalLines(goals: readonly Outcome[]): string {
  const rows = goals.map(({ name, goal, stretch, measured, outcome }) => [
    name,
    goal,
    stretch ?? "",
    measured?.toFixed(2) ?? "-",
    outcome,
  ]);
  const title =
    "Goals: medians over the rounds; × is the median of each round's ratio to haproxy (pool: to none)";
  return `${title}\n${aligned([["", "goal", "stretch", "measured", ""], ...rows])}`;
}

/** The first column to the left, the others to the right. */
function aligned(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0))) ?? [];
  const line = (row: readonly string[]) =>
    row.map((text, i) => i === 0 ? text.padEnd(widths[i] ?? 0) : text.padStart(widths[i] ?? 0)).join("  ");
  return rows.map((row) => `  ${line(row)}`.trimEnd()).join("\n");
}
