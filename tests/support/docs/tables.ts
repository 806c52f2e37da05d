/** The tables of docs that are generated from the source. Run as a program (`deno task docs`), it writes them. */

import { routesOf } from "../../../src/admin/routes.ts";
import { CHECK_TYPE_NAMES, CHECK_TYPES } from "../../../src/config/schema/check_types.ts";
import { fault } from "../../../src/config/schema/fault_schema.ts";
import { waysOf } from "../../../src/config/schema/keys.ts";
import { toSnakeCase } from "../../../src/config/schema/section.ts";
import { FAULT_TYPES, type FaultType, kindOf } from "../../../src/faults/registry.ts";
import { METRIC_FAMILIES } from "../../../src/observe/metrics/metrics.ts";
import { PROTOCOL_NAMES, PROTOCOLS } from "../../../src/wire/protocols/registry.ts";
import { dependencyRows } from "./dependencies.ts";
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
  { file: "health.md", heading: "## Built-in checks", rows: checkRows() },
  { file: "routing.md", heading: "### By what comes first", rows: protocolRows() },
  { file: "testing.md", heading: "## Faults", rows: faultRows() },
  { file: "api.md", heading: "# The admin interface", rows: routeRows() },
  { file: "security.md", heading: "## Dependencies", rows: dependencyRows() },
];

export function readDoc(file: string): string {
  return Deno.readTextFileSync(new URL(file, DOCS));
}

/** The text of a document with a table from the source. */
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

function checkRows(): string[][] {
  return [
    ["`type`", "An endpoint is up if …", "What it does"],
    ...CHECK_TYPE_NAMES.map((name) => {
      const { meaning, check: { port, http } } = CHECK_TYPES[name];
      return [`\`${name}\``, meaning, http === undefined ? "script" : `\`GET ${http.path}\` on port ${port}`];
    }),
  ];
}

function protocolRows(): string[][] {
  return [
    ["`protocol`", "Its clients send first …"],
    ...PROTOCOL_NAMES.map((name) => [`\`${name}\``, PROTOCOLS[name].begins]),
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

function faultRows(): string[][] {
  return [
    ["`type`", "What it does", "Acts on", "Parameters"],
    ...FAULT_TYPES.map((type) => [linked(type), kindOf(type).summary, placeOf(type), parametersOf(type)]),
  ];
}

/** What a fault acts on, and in which direction by default. */
function placeOf(type: FaultType): string {
  const { bytes, accept, isDown, direction } = kindOf(type);
  if (isDown) return "the service";
  if (bytes === undefined) return accept === undefined ? "connecting to the upstream" : "accepted clients";
  return direction === "both" ? "both directions" : `\`${direction}\``;
}

/** A type leads to the table of its parameters. */
function linked(type: FaultType): string {
  const hasOwn = Object.keys(kindOf(type).parameters).length > 0;
  return hasOwn ? `[\`${type}\`](configuration.md#servicesfaults-of-type-${type})` : `\`${type}\``;
}

/** The names of parameters with their defaults. */
function parametersOf(type: FaultType): string {
  const keys = Object.keys(kindOf(type).parameters).map(toSnakeCase);
  const shape = waysOf(fault).map((way) => way.shape!)[FAULT_TYPES.indexOf(type)]!;
  const texts = keys.map((key) => {
    const { defaultValue } = shape[key]!._zod.def as { defaultValue?: unknown };
    const preset = defaultValue === undefined
      ? ""
      : ` (${defaultValue === "" ? "nothing" : `\`${defaultValue}\``})`;
    return `\`${key}\`${preset}`;
  });
  return texts.join(", ");
}

if (import.meta.main) {
  for (const table of TABLES) {
    Deno.writeTextFileSync(new URL(table.file, DOCS), withTable(readDoc(table.file), table));
  }
  Deno.writeTextFileSync(new URL("configuration.md", DOCS), withReference(readDoc("configuration.md")));
}
