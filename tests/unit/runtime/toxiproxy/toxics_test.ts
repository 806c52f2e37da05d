import assert from "node:assert/strict";
import type { Toxic } from "../../../../src/admin/toxiproxy/backend.ts";
import { faultOf, toxicOf } from "../../../../src/runtime/toxiproxy/toxics.ts";

/** Each toxic of toxiproxy, and the values of its fault in milliseconds, bytes and bytes a second. */
const TOXICS: readonly [
  type: string,
  attributes: Toxic["attributes"],
  values: Readonly<Record<string, unknown>>,
][] = [
  ["latency", { latency: 200, jitter: 50 }, { latency: 200, jitter: 50 }],
  ["bandwidth", { rate: 100 }, { rate: 100_000 }],
  ["slow_close", { delay: 30 }, { delay: 30 }],
  ["timeout", { timeout: 1000 }, { timeout: 1000 }],
  ["reset_peer", { timeout: 5 }, { timeout: 5 }],
  ["slicer", { average_size: 64, size_variation: 32, delay: 10 }, {
    averageSize: 64,
    sizeVariation: 32,
    delay: 0.01,
  }],
  ["limit_data", { bytes: 1000 }, { bytes: 1000 }],
  ["packet_loss", { loss_rate: 0.25, correlation: 0.5 }, { lossRate: 0.25, correlation: 0.5 }],
];

for (const [type, attributes, values] of TOXICS) {
  Deno.test(`${type} of toxiproxy is a fault with the same units, and is shown as it was set`, () => {
    const fault = faultOf(toxic({ type, attributes }));
    const shown = Object.keys(values).map((key) => [key, fault.values[key]]);
    assert.deepEqual(Object.fromEntries(shown), values);
    assert.deepEqual(toxicOf(fault), toxic({ type, attributes }));
  });

  Deno.test(`attributes of ${type} that are left out are 0`, () => {
    const fault = faultOf(toxic({ type, attributes: {} }));
    const zeros = Object.keys(attributes).map((key) => [key, 0]);
    assert.deepEqual(toxicOf(fault).attributes, Object.fromEntries(zeros));
  });
}

Deno.test("the stream is a direction, and toxicity a probability", () => {
  const upstream = toxic({ stream: "upstream", toxicity: 0.5 });
  const { direction, trigger } = faultOf(upstream);
  assert.deepEqual([direction, trigger.probability], ["upload", 0.5]);
  assert.deepEqual(toxicOf(faultOf(upstream)), upstream);
  const always = faultOf(toxic({}));
  assert.deepEqual([always.direction, always.trigger.probability], ["download", undefined]);
  assert.equal(faultOf(toxic({ toxicity: 0 })).trigger.probability, 0);
});

Deno.test("faults that toxiproxy does not have are toxics too, with their defaults", () => {
  const { values } = faultOf(toxic({ type: "latency", attributes: { latency: 1, distribution: "normal" } }));
  assert.equal(values["distribution"], "normal");
});

for (
  const [what, wrong, message] of [
    ["of an unknown type", { type: "x" }, "invalid toxic type"],
    ["that takes the service down", { type: "down" }, "invalid toxic type"],
    [
      "with text for a number",
      { attributes: { latency: "1" } },
      'bad request body: expected a number of 0 or more for "latency"',
    ],
    [
      "with a negative number",
      { attributes: { latency: -1 } },
      'bad request body: expected a number of 0 or more for "latency"',
    ],
    [
      "with a share above 1",
      { type: "packet_loss", attributes: { loss_rate: 2 } },
      'bad request body: expected a number from 0 to 1 for "loss_rate"',
    ],
    [
      "with an unknown choice",
      { attributes: { distribution: "x" } },
      'bad request body: expected one of uniform, normal for "distribution"',
    ],
  ] as const
) {
  Deno.test(`faultOf() refuses a toxic ${what}`, () => {
    assert.throws(() => faultOf(toxic(wrong)), { name: "ToxiproxyError", status: 400, message });
  });
}

function toxic(parts: Partial<Toxic>): Toxic {
  return {
    name: "t",
    type: "latency",
    stream: "downstream",
    toxicity: 1,
    attributes: { latency: 1, jitter: 0 },
    ...parts,
  };
}
