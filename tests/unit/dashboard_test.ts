/** Compares the alerts and the dashboard of docs/deploy with the metrics of the source. */

import assert from "node:assert/strict";
import {
  expressionsOf,
  readAlerts,
  readDashboard,
  unknownNamesIn,
  withoutVariables,
} from "../support/docs/monitoring.ts";
import { METRIC_FAMILIES } from "../../src/observe/metrics/metrics.ts";
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

Deno.test("the check of expressions finds metrics and labels that do not exist", () => {
  assert.deepEqual(unknownNamesIn("rate(sluice_conections_total[5m])"), ["sluice_conections_total"]);
  assert.deepEqual(unknownNamesIn('sum by (color) (sluice_threads{upstream="a"})'), ["color", "upstream"]);
  assert.deepEqual(unknownNamesIn("sluice_event_loop_delay_seconds"), ["sluice_event_loop_delay_seconds"]);
});
