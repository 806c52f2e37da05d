import assert from "node:assert/strict";
import { outcomes } from "./goals.ts";
import { goalLines, tables } from "./report.ts";
import type { Samples } from "./samples.ts";

/** Three rounds; the machine is at half its speed in the second. */
const SAMPLES: Samples = new Map([
  ["direct", [{ gbit_per_s: 20 }, { gbit_per_s: 10 }, { gbit_per_s: 20 }]],
  ["sluice", [
    { gbit_per_s: 13, requests_per_s: 40_000, idle_kb: 40, used_kb: 80, start_ms: 150 },
    {
      gbit_per_s: 6.5,
      requests_per_s: 20_000,

      idle_kb: 20,
      used_kb: 80,
      start_ms: 150,
    },
    { gbit_per_s: 20, idle_kb: 24, used_kb: 120, start_ms: 150 },
  ]],
  ["haproxy", [
    { gbit_per_s: 10, requests_per_s: 50_000 },
    { gbit_per_s: 5, requests_per_s: 25_000 },
    { gbit_per_s: 10, requests_per_s: 50_000 },
  ]],
]);

function outcome(name: string) {
  const found = outcomes(SAMPLES).find((each) => each.name === name);
  assert.ok(found, `no goal ${name}`);
  return found;
}

Deno.test("a goal is held against the median of each round's ratio to haproxy", () => {
  const { goal, stretch, measured, outcome: reached } = outcome("bulk, one stream");
  assert.deepEqual({ goal, stretch, measured, reached }, {
    goal: "≥ 1.3×",
    stretch: "≥ 1.6×",
    measured: 1.3,
    reached: "reached",
  });
  assert.deepEqual([0.8, "missed"], [
    outcome("requests/s").measured,
    outcome("requests/s").outcome,
  ]);
});

Deno.test("a goal that is a figure is held against the median itself", () => {
  assert.equal(outcome("idle, before the first byte").measured, 24);
  assert.equal(outcome("idle, before the first byte").outcome, "stretch reached");
  assert.equal(outcome("idle, after a byte each way").outcome, "reached");
  assert.equal(outcome("launch to ready").outcome, "reached");
});

Deno.test("a goal without figures is not measured", () => {
  const { measured, outcome: none } = outcome("TLS bulk");
  assert.deepEqual([measured, none], [null, "not measured"]);
  assert.equal(outcomes(new Map()).every((each) => each.outcome === "not measured"), true);
  assert.ok(outcomes(new Map()).length > 10);
});

Deno.test("tables hold what was measured and nothing else", () => {
  const text = tables(SAMPLES);
  assert.match(text, /^Bulk transfer, one stream and eight\n +Gbit\/s\n {2}direct +20\.0 \(2\.00×\)\n/);
  assert.match(text, /\n {2}sluice +13\.0 \(1\.30×\)\n {2}haproxy +10\.0\n/);
  assert.doesNotMatch(text, /TLS|Growth|nginx|p99/);
});

Deno.test("every goal has a line with its result", () => {
  const lines = goalLines(outcomes(SAMPLES)).split("\n");
  assert.ok(
    lines.some((line) => /^ +bulk, one stream +≥ 1\.3× +≥ 1\.6× +1\.30 +reached$/.test(line)),
  );
  assert.ok(lines.some((line) => /^ +TLS bulk +≥ 0\.8× +≥ 1× +- +not measured$/.test(line)));
});
