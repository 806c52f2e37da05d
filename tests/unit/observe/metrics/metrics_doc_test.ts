import assert from "node:assert/strict";
import { METRIC_FAMILIES } from "../../../../src/observe/metrics/metrics.ts";
import { METRICS_DOC, withMetricTables } from "./metrics_doc.ts";

Deno.test("docs/metrics.md has the metrics that are declared (else run deno task docs)", () => {
  const text = Deno.readTextFileSync(METRICS_DOC);
  assert.equal(withMetricTables(text), text);
});

Deno.test("metrics have names of their own, and help that is a sentence", () => {
  const families = Object.values(METRIC_FAMILIES).flat();
  assert.ok(families.length >= 25, `only ${families.length} metrics`);
  assert.equal(new Set(families.map(({ name }) => name)).size, families.length);
  for (const { name, type, help } of families) {
    assert.match(help, /^[A-Z0].*\.$/, name);
    assert.equal(name.endsWith("_total"), type === "counter", name);
  }
});
