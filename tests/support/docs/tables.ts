/** The tables of docs that follow from the source. Run as a program (`deno task docs`), it writes them. */

import { routesOf } from "../../../src/admin/routes.ts";
import { METRIC_FAMILIES } from "../../../src/observe/metrics/metrics.ts";
import { formatTable, type Rows } from "./format_table.ts";
import { withReference } from "./reference.ts";

const DOCS = new URL("../../../docs/", import.meta.url);

interface Table {
  readonly file: string;
  /** The table is the first below this heading. */
  readonly heading: string;
  readonly rows: Rows;
}

export const TABLES: readonly Table[] = [
  { file: "metrics.md", heading: "## Services", rows: metricRows(METRIC_FAMILIES.services) },
  { file: "metrics.md", heading: "## Upstreams", rows: metricRows(METRIC_FAMILIES.upstreams) },
  { file: "metrics.md", heading: "## The program", rows: metricRows(METRIC_FAMILIES.program) },
  { file: "api.md", heading: "# The admin interface", rows: routeRows() },
];

export function readDoc(file: string): string {
  return Deno.readTextFileSync(new URL(file, DOCS));
}

/** The text of a document with a table as the source has it. */
export function withTable(markdown: string, { file, heading, rows }: Table): string {
  const start = `\n${markdown}`.indexOf(`\n${heading}\n`);
  const [old] = start < 0 ? [] : /^\|.*\n(\|.*\n)+/m.exec(markdown.slice(start)) ?? [];
  if (old === undefined) throw new Error(`docs/${file} has no table under "${heading}"`);
  return markdown.slice(0, start) + markdown.slice(start).replace(old, () => formatTable(rows));
}

function metricRows(families: (typeof METRIC_FAMILIES)[keyof typeof METRIC_FAMILIES]): string[][] {
  return [
    ["Metric", "Type", "Labels", "Meaning"],
    ...families.map(({ name, type, labels, help, note }) => [
      `\`${name}\``,
      type,
      labels.map((label) => `\`${label}\``).join(", "),
      note === undefined ? help : `${help} ${note}`,
    ]),
  ];
}

function routeRows(): string[][] {
  const unused = {} as Parameters<typeof routesOf>[0];
  const routes = routesOf({ ...unused, page: new Map([["/", { type: "text/html", body: "" }]]) });
  return [
    ["Request", "What it does or shows"],
    ...routes.map(({ method, path, summary }) => [
      `\`${method} ${path.replaceAll(/:(\w+)/g, "{$1}")}\``,
      summary,
    ]),
  ];
}

if (import.meta.main) {
  for (const table of TABLES) {
    Deno.writeTextFileSync(new URL(table.file, DOCS), withTable(readDoc(table.file), table));
  }
  Deno.writeTextFileSync(new URL("configuration.md", DOCS), withReference(readDoc("configuration.md")));
}
