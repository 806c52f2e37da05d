import assert from "node:assert/strict";
import { Metrics } from "../../support/program/admin.ts";
import { auditAtRest, Counters } from "./consistency.ts";
import { chart } from "./chart.ts";
import { growth, mostFrequent, type Sample } from "../../support/program/process_samples.ts";
import { phases } from "../phases.ts";
import { courseText, unlevel } from "./verdict.ts";

/** This many samples, one a second. */
function samples(count: number, rssMb: (at: number) => number): Sample[] {
  return Array.from({ length: count }, (_, at) => ({ at, rssMb: rssMb(at), descriptors: 100 }));
}

const REST = { at: 60, rssMb: 200, descriptors: 62 };

Deno.test("growth is that of the best-fitting line", () => {
  const points = (value: (at: number) => number) =>
    Array.from({ length: 101 }, (_, at) => ({ at, value: value(at) }));
  assert.equal(growth(points(() => 5)), 0);
  assert.ok(Math.abs(growth(points((at) => at / 10)) - 10) < 1e-9);
  assert.ok(Math.abs(growth(points((at) => at % 2 * 50))) < 1, "a saw");
  assert.equal(growth([]), 0);
  assert.equal(growth([{ at: 1, value: 7 }]), 0);
});

Deno.test("the value at rest is the most frequent one", () => {
  assert.equal(mostFrequent([62, 65, 62, 64, 62, 65]), 62);
  assert.equal(mostFrequent([3, 1]), 1);
});

/** Rests two minutes apart. */
function rests(...rssMb: number[]): Sample[] {
  return rssMb.map((each, index) => ({ ...REST, at: index * 120, rssMb: each }));
}

Deno.test("memory at rest may grow in the first half only; under load it is not judged", () => {
  const verdict = (...rssMb: number[]) =>
    unlevel({ underLoad: samples(600, (at) => at), atRest: rests(...rssMb) });
  assert.deepEqual(verdict(200, 260, 262, 255, 265, 260), []);
  assert.deepEqual(verdict(200), []);
  const wrong = "RSS at rest has grown by 60.0 MB over the second half of the run, allowed are 34.5 MB";
  assert.deepEqual(verdict(200, 200, 200, 260), [wrong]);
  assert.deepEqual(verdict(200, 260), [wrong]);
});

Deno.test("descriptors at rest must be as many at the end as after the warm-up", () => {
  const underLoad = samples(100, () => 200);
  const [wrong] = unlevel({
    underLoad,
    atRest: [REST, { ...REST, descriptors: 90 }, { ...REST, descriptors: 64 }],
  });
  assert.equal(wrong, "Descriptors at rest: 62 after the warm-up, 64 at the end");
});

Deno.test("a curve has its scale, and columns as high as its values", () => {
  const text = chart([0, 4, 8], { title: "MB", width: 10, height: 2, minutes: 3 });
  assert.equal(
    text,
    ["  MB", "      8 │  █", "        │ ██", "      0 └───", "         0 3.0 min"].join("\n"),
  );
  const many = chart(Array.from({ length: 1000 }, () => 10), { title: "", width: 20, height: 1, minutes: 1 });
  assert.ok(many.includes(`│${"█".repeat(20)}\n`), many);
  assert.equal(courseText({ underLoad: [], atRest: [] }), "Nothing was measured");
  assert.match(
    courseText({ underLoad: samples(10, () => 9), atRest: [REST] }),
    /At rest: 1\.0 min 200 MB, 62 desc/,
  );
});

Deno.test("phases of load are a warm-up and about two minutes each, as long as asked for all together", () => {
  for (const minutes of [0.5, 1, 3, 10, 60]) {
    const all = phases(minutes);
    assert.ok(Math.abs(all.reduce((sum, each) => sum + each) - minutes) < 1e-9, `${minutes}`);
    assert.ok(all.length >= 2 && all[0]! <= 1);
  }
  assert.equal(phases(10).length, 6);
});

const BOOKS = `# HELP sluice_connections_total Accepted.
# TYPE sluice_connections_total counter
sluice_connections_total{service="a"} 10
# HELP sluice_connections_active Open.
# TYPE sluice_connections_active gauge
sluice_connections_active{service="a"} 0
# HELP sluice_bytes_total Bytes.
# TYPE sluice_bytes_total counter
sluice_bytes_total{service="a",direction="upload"} 5
sluice_bytes_total{service="a",direction="download"} 100
# HELP sluice_connections_refused_total Refused.
# TYPE sluice_connections_refused_total counter
sluice_connections_refused_total{service="a",reason="x"} 2
# HELP sluice_connections_failed_total Failed.
# TYPE sluice_connections_failed_total counter
sluice_connections_failed_total{service="a",reason="x"} 1
# HELP sluice_connections_closed_total Closed.
# TYPE sluice_connections_closed_total counter
sluice_connections_closed_total{service="a",reason="x"} 7
# HELP sluice_connection_duration_seconds Lasted.
# TYPE sluice_connection_duration_seconds histogram
sluice_connection_duration_seconds_bucket{service="a",le="+Inf"} 7
sluice_connection_duration_seconds_sum{service="a"} 1
sluice_connection_duration_seconds_count{service="a"} 7
`;

Deno.test("consistent counters pass, and each inconsistent one is reported", () => {
  const audit = (text: string, received = 100, lines = 0) =>
    auditAtRest(new Metrics(text), {
      services: ["a"],
      received: () => received,
      lines: (_service, event) => lines + ({ connection_failed: 1, connection_closed: 7 }[event] ?? 1),
    });
  assert.deepEqual(audit(BOOKS), []);
  assert.match(audit(BOOKS.replace("} 10", "} 11"))[0]!, /^a: 11 connections accepted, 10 ended \(2 refused/);
  assert.match(
    audit(BOOKS.replace('active{service="a"} 0', 'active{service="a"} 1'))[0]!,
    /is 1 while nothing is open/,
  );
  assert.match(audit(BOOKS, 101)[0]!, /^a: clients have read 101 bytes, counted are 100$/);
  assert.equal(audit(BOOKS, 100, 1).length, 2);
});

Deno.test("a counter that decreases or disappears is reported", () => {
  const counters = new Counters(["a"]);
  assert.deepEqual(counters.look(new Metrics(BOOKS)), []);
  assert.deepEqual(counters.look(new Metrics(BOOKS.replace("} 10", "} 12"))), []);
  assert.deepEqual(counters.look(new Metrics(BOOKS)), [
    'sluice_connections_total{"service":"a"} was 12 and is 10',
  ]);
});
