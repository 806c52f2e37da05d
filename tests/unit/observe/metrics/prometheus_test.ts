import assert from "node:assert/strict";
import fc from "fast-check";
import { PrometheusText } from "../../../../src/observe/metrics/prometheus.ts";
import { parsePrometheus } from "../../../support/prometheus_parser.ts";

Deno.test("PrometheusText writes families in the format of Prometheus", () => {
  const text = new PrometheusText();
  text.family({ name: "a_total", type: "counter", help: "All that came." }, [[{}, 3], [
    { of: "x", to: "y" },
    0.5,
  ]]);
  text.family({ name: "b", type: "gauge", help: "Now." }, [[{}, -1]]);
  text.family({ name: "c_seconds", type: "histogram", help: "Took." }, [[{ of: "x" }, {
    bounds: [0.1, 1],
    counts: [2, 0, 3],
    sum: 12.5,
  }]]);
  assert.equal(
    text.toString(),
    `# HELP a_total All that came.
# TYPE a_total counter
a_total 3
a_total{of="x",to="y"} 0.5
# HELP b Now.
# TYPE b gauge
b -1
# HELP c_seconds Took.
# TYPE c_seconds histogram
c_seconds_bucket{of="x",le="0.1"} 2
c_seconds_bucket{of="x",le="1"} 2
c_seconds_bucket{of="x",le="+Inf"} 5
c_seconds_sum{of="x"} 12.5
c_seconds_count{of="x"} 5
`,
  );
});

Deno.test("PrometheusText escapes labels and help, and nothing else", () => {
  const text = new PrometheusText();
  text.family({ name: "a", type: "gauge", help: 'A "name",\nor C:\\names' }, [[
    { name: 'C:\\new "x"\n' },
    1,
  ]]);
  assert.equal(
    text.toString(),
    '# HELP a A "name",\\nor C:\\\\names\n# TYPE a gauge\na{name="C:\\\\new \\"x\\"\\n"} 1\n',
  );
});

Deno.test("PrometheusText omits a family without samples", () => {
  const text = new PrometheusText();
  text.family({ name: "a_total", type: "counter", help: "None." }, []);
  text.family({ name: "b", type: "histogram", help: "None." }, []);
  assert.equal(text.toString(), "");
});

Deno.test("PrometheusText writes every family so that it can be read back", () => {
  const labels = fc.dictionary(fc.constantFrom("a", "b", "c"), fc.string({ unit: "grapheme" }));
  const value = fc.oneof(fc.double(), fc.integer(), fc.constantFrom(Infinity, -Infinity, NaN, 1e21, 1e-7));
  const samples = fc.uniqueArray(fc.tuple(labels, value), {
    minLength: 1,
    selector: ([labels]) => JSON.stringify(Object.entries(labels).sort()),
  });
  fc.assert(fc.property(samples, fc.string({ unit: "grapheme", minLength: 1 }), (samples, help) => {
    const text = new PrometheusText();
    text.family({ name: "a", type: "gauge", help }, samples);
    const family = parsePrometheus(text.toString()).get("a");
    assert.equal(family?.help, help);
    assert.deepEqual(
      family.samples.map(({ labels, value }) => [labels, value + 0]),
      samples.map(([labels, value]) => [{ ...labels }, value + 0]),
    );
  }));
});

Deno.test("parsePrometheus() finds mistakes in the format", () => {
  const head = "# HELP a_total A.\n# TYPE a_total counter\n";
  const histogram = "# HELP h H.\n# TYPE h histogram\n";
  const wrong = [
    `${head}a_total 1`,
    `${head}a_total{x="1"y="2"} 1\n`,
    `${head}a_total{x="1",x="2"} 1\n`,
    `${head}a_total{x="\\t"} 1\n`,
    `${head}a_total 1\na_total 2\n`,
    `${head}a_total -1\n`,
    `${head}a_total  1\n`,
    `${head}a_total 1..2\n`,
    `${head}b 1\n`,
    `${head}a_total 1\n${head}a_total 1\n`,
    head,
    "a_total 1\n",
    "# HELP a A.\na 1\n",
    "# HELP a A.\n# TYPE a counter\na 1\n",
    `${histogram}h_bucket{le="1"} 1\nh_sum 1\nh_count 1\n`,
    `${histogram}h_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n`,
    `${histogram}h_bucket{le="1"} 1\nh_bucket{le="+Inf"} 2\nh_sum 1\nh_count 1\n`,
    `${histogram}h_bucket{le="+Inf"} 1\nh_count 1\n`,
  ];
  for (const text of wrong) assert.throws(() => parsePrometheus(text), SyntaxError, text);
});
