/** The alerts and the dashboard of docs/deploy, and the expressions in them. */

import { parse } from "@std/yaml/parse";
import { METRIC_FAMILIES } from "../../../src/observe/metrics/metrics.ts";
import { blockWith, ROOT } from "./page.ts";

/** Has alerts.yaml, and an example of each alert in alerts_test.yaml. */
export const PROMETHEUS_FOLDER = new URL("docs/deploy/prometheus/", ROOT);

export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number };
  readonly datasource?: unknown;
  readonly description?: string;
  readonly targets?: readonly {
    readonly expr: string;
    readonly refId: string;
    readonly legendFormat?: string;
    readonly datasource: unknown;
  }[];
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
  /** Of a row that is folded: Grafana reads them here. */
  readonly panels?: readonly Panel[];
}

export interface Dashboard {
  readonly schemaVersion: number;
  readonly uid: string;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly Variable[] };
  readonly annotations: { readonly list: readonly { readonly expr?: string }[] };
}

interface Variable {
  readonly name: string;
  readonly type: string;
  /** What a variable of type `query` asks for, as its list shows it. */
  readonly definition?: string;
  /** The same, as Grafana sends it; the type of data source for a variable of type `datasource`. */
  readonly query: string | { readonly query: string };
  readonly datasource?: unknown;
}

/** A rule of prometheus-adapter: how it finds series, and what it asks for the objects that they are of. */
export interface AdapterRule {
  readonly seriesQuery: string;
  readonly resources: { readonly overrides: Readonly<Record<string, { readonly resource: string }>> };
  readonly name?: unknown;
  /** With places for `<<.Series>>`, `<<.LabelMatchers>>` and `<<.GroupBy>>`. */
  readonly metricsQuery: string;
}

/** The rule in docs/deploy/kubernetes.md. */
export function readAdapterRule(): AdapterRule {
  const code = blockWith("docs/deploy/kubernetes.md", "yaml", "seriesQuery");
  const { rules } = parse(code) as { rules: AdapterRule[] };
  if (rules.length !== 1) throw new Error(`docs/deploy/kubernetes.md has ${rules.length} rules`);
  return rules[0]!;
}

export function readAlerts(): AlertRule[] {
  const text = Deno.readTextFileSync(new URL("alerts.yaml", PROMETHEUS_FOLDER));
  return (parse(text) as { groups: { rules: AlertRule[] }[] }).groups.flatMap(({ rules }) => rules);
}

export function readDashboard(): Dashboard {
  return JSON.parse(Deno.readTextFileSync(new URL("docs/deploy/grafana/sluice.json", ROOT)));
}

/** The expressions of all panels and annotations, by where they are. */
export function expressionsOf({ panels, annotations }: Dashboard): { where: string; expr: string }[] {
  const ofPanels = panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr, refId }) => ({ where: `${title} ${refId}`, expr }))
  );
  const ofAnnotations = annotations.list.flatMap(({ expr }) => expr ? [{ where: "annotation", expr }] : []);
  return [...ofPanels, ...ofAnnotations];
}

/** As Grafana sends an expression to Prometheus. */
export function withoutVariables(expr: string): string {
  return expr.replaceAll("$__rate_interval", "5m").replaceAll(/\$\w+/g, ".*");
}

/**
 * The names in an expression that are neither metrics of sluice nor their labels.
 *
 * @example A label that the metric does not have
 * ```ts
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(unknownNamesIn('sum by (color) (sluice_threads{job="a"})'), ["color"]);
 * ```
 */
export function unknownNamesIn(expr: string): string[] {
  const words = expr.replaceAll(/"[^"]*"/g, '""').replaceAll(/\[[^\]]*\]/g, "").match(/[a-zA-Z_]\w*/g) ?? [];
  const isMetric = (word: string) => METRICS.has(word);
  const labels = new Set(words.filter(isMetric).flatMap((name) => METRICS.get(name)!));
  return words.filter((word) =>
    !isMetric(word) && !labels.has(word) && !LANGUAGE.has(word) && !LABELS_OF_PROMETHEUS.has(word)
  );
}

/** Every series of sluice with its labels. `up` is Prometheus' own. */
const METRICS: ReadonlyMap<string, readonly string[]> = new Map([
  ["up", []],
  ...Object.values(METRIC_FAMILIES).flat().flatMap(({ name, type, labels }) =>
    type === "histogram"
      ? [[`${name}_bucket`, [...labels, "le"]], [`${name}_sum`, labels], [`${name}_count`, labels]] as const
      : [[name, labels] as const]
  ),
]);

const LABELS_OF_PROMETHEUS = new Set(["job", "instance"]);

const LANGUAGE = new Set(
  ("and or unless on by without group_left group_right bool sum min max count avg rate increase changes time vector " +
    "histogram_quantile min_over_time max_over_time").split(" "),
);
