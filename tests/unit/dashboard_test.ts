/** Compares the alerts, the dashboard and the autoscaler of docs/deploy with the metrics of the source. */

import assert from "node:assert/strict";
import {
  expressionsOf,
  readAdapterRule,
  readAlerts,
  readDashboard,
  unknownNamesIn,
  withoutVariables,
} from "../support/docs/monitoring.ts";
import { parse } from "@std/yaml/parse";
import { METRIC_FAMILIES } from "../../src/observe/metrics/metrics.ts";
import { ROOT } from "../support/docs/page.ts";
import { readDoc } from "../support/docs/tables.ts";

const ALERTS = readAlerts();
const DASHBOARD = readDashboard();

/** Metrics that no panel shows, as they are of use in a query only. */
const NOT_SHOWN = new Set([
  "sluice_mirrored_connections_total",
  "sluice_mirrored_bytes_total",
  "sluice_endpoint_tier",
  "sluice_endpoint_stuck",
  "sluice_health_checks_total",
  "sluice_connections_limit",
  "sluice_list_entries",
]);

Deno.test("alerts ask for metrics and labels that exist", () => {
  assert.ok(ALERTS.length >= 20, `only ${ALERTS.length} alerts`);
  for (const { alert, expr } of ALERTS) assert.deepEqual(unknownNamesIn(expr), [], alert);
});

Deno.test("every alert has a severity, a text, and a row in docs/deploy/observe.md", () => {
  const page = readDoc("deploy/observe.md");
  for (const { alert, labels, annotations } of ALERTS) {
    assert.match(labels.severity!, /^(critical|warning|info)$/, alert);
    assert.ok(annotations.summary && annotations.description, alert);
    assert.ok(page.includes(`| \`${alert}\` `), alert);
  }
});

Deno.test("the dashboard asks for metrics and labels that exist", () => {
  const expressions = expressionsOf(DASHBOARD);
  assert.ok(expressions.length >= 40, `only ${expressions.length} expressions`);
  for (const { where, expr } of expressions) {
    assert.deepEqual(unknownNamesIn(withoutVariables(expr)), [], where);
  }
});

Deno.test("the dashboard shows every metric, except those that are listed", () => {
  const all = expressionsOf(DASHBOARD).map(({ expr }) => expr).join("\n");
  const names = Object.values(METRIC_FAMILIES).flat().map(({ name }) => name);
  const missing = names.filter((name) => !new RegExp(`\\b${name}(_bucket|_count)?\\b`).test(all));
  assert.deepEqual(new Set(missing), NOT_SHOWN);
});

Deno.test("the panels of the dashboard fit on its grid, and have ids of their own", () => {
  const { panels, schemaVersion } = DASHBOARD;
  assert.ok(schemaVersion >= 38, `${schemaVersion} is older than Grafana 10`);
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
  const taken = new Set<string>();
  for (const { title, gridPos: { x, y, w, h } } of panels) {
    assert.ok(x >= 0 && w > 0 && h > 0 && x + w <= 24, title);
    for (let column = x; column < x + w; column++) {
      for (let line = y; line < y + h; line++) {
        const cell = `${column},${line}`;
        assert.ok(!taken.has(cell), `${title} covers another panel`);
        taken.add(cell);
      }
    }
  }
});

Deno.test("panels have rows, a description, and the data source that the user chooses", () => {
  const { panels, templating } = DASHBOARD;
  const rows = panels.filter(({ type }) => type === "row").map(({ title }) => title);
  assert.deepEqual(rows, ["Overview", "Services", "Upstreams", "Discovery", "TLS", "ACME", "Process"]);
  const source = { type: "prometheus", uid: "${datasource}" };
  for (const { title, datasource, targets, description } of panels.filter(({ type }) => type !== "row")) {
    assert.ok(description, title);
    assert.ok(targets!.length > 0, title);
    for (const each of [datasource, ...targets!.map((target) => target.datasource)]) {
      assert.deepEqual(each, source, title);
    }
  }
  const names = templating.list.map(({ name }) => name);
  assert.deepEqual(names, ["datasource", "job", "instance", "service", "upstream"]);
  const definitions = templating.list.flatMap(({ definition }) => definition ?? []);
  for (const text of [...definitions, ...expressionsOf(DASHBOARD).map(({ expr }) => expr)]) {
    for (const [, name] of text.matchAll(/\$(\w+)/g)) {
      assert.ok(name === "__rate_interval" || names.includes(name!), text);
    }
  }
});

Deno.test("Grafana can tell the queries of a panel apart, and shows legends of labels that they have", () => {
  for (const { title, type, targets, fieldConfig, panels } of DASHBOARD.panels) {
    if (type === "row") {
      assert.deepEqual(panels, [], `${title}: its panels are those below it`);
      continue;
    }
    assert.ok(["stat", "table", "timeseries"].includes(type), `${title} is a ${type}`);
    assert.ok(type === "table" || fieldConfig?.defaults.unit !== undefined, `${title} has no unit`);
    const ids = targets!.map(({ refId }) => refId);
    assert.ok(ids.every((id) => /^[A-Z]$/.test(id)) && new Set(ids).size === ids.length, `${title}: ${ids}`);
    for (const { expr, legendFormat = "" } of targets!) {
      const kept = labelsKept(expr);
      for (const [, label] of legendFormat.matchAll(/\{\{\s*(\w+)\s*\}\}/g)) {
        assert.ok(kept === undefined || kept.has(label!), `${title}: ${expr} has no ${label} for its legend`);
        assert.deepEqual(
          unknownNamesIn(withoutVariables(`${expr} or ${metricsIn(expr)}{${label}=""}`)),
          [],
          title,
        );
      }
    }
  }
});

Deno.test("variables ask for labels that exist, and conditions take several values of them", () => {
  const [source, ...queries] = DASHBOARD.templating.list;
  assert.deepEqual([source!.type, source!.query], ["datasource", "prometheus"]);
  for (const { name, type, definition, query, datasource } of queries) {
    assert.equal(type, "query", name);
    assert.deepEqual(datasource, { type: "prometheus", uid: "${datasource}" }, name);
    assert.equal(definition, (query as { query: string }).query, name);
    const [, selector, label] = /^label_values\((.+), (\w+)\)$/.exec(definition!)!;
    assert.equal(label, name);
    assert.deepEqual(unknownNamesIn(withoutVariables(`sum by (${label}) (${selector})`)), [], name);
  }
  const definitions = queries.map(({ definition }) => definition!);
  for (const text of [...definitions, ...expressionsOf(DASHBOARD).map(({ expr }) => expr)]) {
    for (const [match, name] of text.matchAll(/.{0,3}\$(\w+)/g)) {
      assert.ok(
        name === "__rate_interval" || match.startsWith('=~"'),
        `${text}: $${name} may have several values`,
      );
    }
  }
});

Deno.test("the check of legends finds labels that a query sums away", () => {
  assert.deepEqual(labelsKept("sum by (service, reason) (rate(a[5m]))"), new Set(["service", "reason"]));
  assert.deepEqual(labelsKept("sum(a)"), new Set());
  assert.equal(labelsKept("a > 0"), undefined);
});

/** The labels that the aggregations of a query keep; undefined if nothing is aggregated. */
function labelsKept(expr: string): Set<string> | undefined {
  const aggregations = [...expr.matchAll(/\b(?:sum|min|max|avg|count)(?: by)? ?\(/g)];
  if (aggregations.length === 0) return undefined;
  const lists = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, labels]) => labels!.split(/,\s*/));
  return new Set(lists.filter((label) => label !== "le"));
}

/** The first metric of a query. */
function metricsIn(expr: string): string {
  return /\b(?:sluice|process)_\w+|\bup\b/.exec(expr)![0];
}

Deno.test("the autoscaler of Kubernetes asks for a gauge that each service of a pod has, as the adapter's rule does", () => {
  const file = new URL("docs/deploy/kubernetes/autoscaling/autoscaler.yaml", ROOT);
  const { spec } = parse(Deno.readTextFileSync(file)) as { spec: { metrics: PodMetric[] } };
  const names = spec.metrics.map(({ type, pods }) => [type, pods.metric.name, pods.target.type]);
  assert.deepEqual(names, [["Pods", "sluice_connections_active", "AverageValue"]]);
  const [[, name]] = names as [[string, string]];
  const family = METRIC_FAMILIES.services.find((each) => each.name === name)!;
  assert.equal(family.type, "gauge");
  // One series for each service, so their sum is that of the pod, and none without a feature.
  assert.deepEqual([family.labels, family.note], [["service"], undefined]);

  const { seriesQuery, resources, name: renamed, metricsQuery } = readAdapterRule();
  assert.equal(/^\w+/.exec(seriesQuery)![0], name);
  assert.equal(renamed, undefined, "the autoscaler asks for the name of the series");
  assert.deepEqual(Object.entries(resources.overrides).sort(), [
    ["namespace", { resource: "namespace" }],
    ["pod", { resource: "pod" }],
  ]);
  for (const label of Object.keys(resources.overrides)) {
    assert.ok(seriesQuery.includes(`${label}!=""`), label);
  }
  assert.match(metricsQuery, /^sum\(/);
});

/** The part of a HorizontalPodAutoscaler that names a metric of its pods. */
interface PodMetric {
  readonly type: string;
  readonly pods: { readonly metric: { readonly name: string }; readonly target: { readonly type: string } };
}

Deno.test("the check of expressions finds metrics and labels that do not exist", () => {
  assert.deepEqual(unknownNamesIn("rate(sluice_conections_total[5m])"), ["sluice_conections_total"]);
  assert.deepEqual(unknownNamesIn('sum by (color) (sluice_threads{upstream="a"})'), ["color", "upstream"]);
  assert.deepEqual(unknownNamesIn("sluice_event_loop_delay_seconds"), ["sluice_event_loop_delay_seconds"]);
});
