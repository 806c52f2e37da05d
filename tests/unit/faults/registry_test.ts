import assert from "node:assert/strict";
import { FAULT_TYPES, kindOf } from "../../../src/faults/registry.ts";
import { NO_TRIGGER } from "../../../src/faults/trigger.ts";

Deno.test("each kind of fault acts somewhere", () => {
  for (const type of FAULT_TYPES) {
    const { bytes, accept, connect, isDown } = kindOf(type);
    const acts = [bytes, accept, connect, isDown].filter((each) => each !== undefined);
    assert.equal(acts.length, 1, type);
  }
});

Deno.test("no parameter has the name of a trigger or of a common setting, as they share one mapping", () => {
  const taken = [...Object.keys(NO_TRIGGER), "type", "name", "direction", "enabled"];
  for (const type of FAULT_TYPES) {
    const names = Object.keys(kindOf(type).parameters);
    assert.deepEqual(names.filter((name) => taken.includes(name)), [], type);
  }
});

Deno.test("descriptions are sentences", () => {
  for (const type of FAULT_TYPES) {
    const { summary, parameters } = kindOf(type);
    for (const text of [summary, ...Object.values(parameters).map(({ description }) => description)]) {
      assert.match(text, /^[A-Z].*\.$/, `${type}: ${text}`);
    }
  }
});

/** The toxics of toxiproxy 2.12 and later, with their attributes; there `rate` is in KB/s and a slicer's `delay` in µs. */
const TOXICS = {
  latency: ["latency", "jitter"],
  bandwidth: ["rate"],
  slow_close: ["delay"],
  timeout: ["timeout"],
  reset_peer: ["timeout"],
  slicer: ["averageSize", "sizeVariation", "delay"],
  limit_data: ["bytes"],
  packet_loss: ["lossRate", "correlation"],
} as const;

Deno.test("each toxic of toxiproxy is a kind of fault with the same attributes", () => {
  for (const [type, attributes] of Object.entries(TOXICS)) {
    const { parameters } = kindOf(type as keyof typeof TOXICS);
    assert.deepEqual(attributes.filter((name) => !Object.hasOwn(parameters, name)), [], type);
  }
});
