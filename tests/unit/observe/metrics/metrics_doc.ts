/** Writes the tables of docs/metrics.md from the declarations of the metrics. Run by `deno task docs`. */

import { METRIC_FAMILIES } from "../../../../src/observe/metrics/metrics.ts";

export const METRICS_DOC = new URL("../../../../docs/metrics.md", import.meta.url);

/** The headings under which the tables stand. */
const HEADINGS = { services: "Services", upstreams: "Upstreams", program: "The program" };

/** The document with the first table under each heading as the declarations have it. */
export function withMetricTables(markdown: string): string {
  let text = markdown;
  for (const [subject, heading] of Object.entries(HEADINGS)) {
    const section = new RegExp(`(^## ${heading}\n\n)(?:\\|.*\n)*`, "m");
    if (!section.test(text)) throw new Error(`docs/metrics.md has no heading "${heading}"`);
    const table = tableOf(METRIC_FAMILIES[subject as keyof typeof HEADINGS]);
    text = text.replace(section, (_, head) => head + table);
  }
  return text;
}

type Families = (typeof METRIC_FAMILIES)[keyof typeof METRIC_FAMILIES];

function tableOf(families: Families): string {
  const rows = [
    ["Metric", "Type", "Labels", "Meaning"],
    ...families.map(({ name, type, labels, help, note }) => [
      `\`${name}\``,
      type,
      labels.map((label) => `\`${label}\``).join(", "),
      note === undefined ? help : `${help} ${note}`,
    ]),
  ];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const [head, ...body] = rows.map((row) => lineOf(row.map((cell, column) => cell.padEnd(widths[column]!))));
  return [head, lineOf(widths.map((width) => "-".repeat(width))), ...body].map((line) => `${line}\n`).join(
    "",
  );
}

function lineOf(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

if (import.meta.main) {
  Deno.writeTextFileSync(METRICS_DOC, withMetricTables(Deno.readTextFileSync(METRICS_DOC)));
}
