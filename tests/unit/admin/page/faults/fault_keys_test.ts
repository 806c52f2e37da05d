/** The keys of faults in the page, and their values. */

import assert from "node:assert/strict";
import { describeFault, keysOf, textOf, valueOf } from "../../../../../src/admin/page/faults/fault_keys.js";
import { faultTypes } from "../../../../../src/config/fault_types.ts";

const VIEW = { enabled: true, seed: "1", ...faultTypes() };
const FAULT = { name: "slow", enabled: true, configured: false, applied: 3 };

const namesOf = (keys: readonly { readonly name: string }[]) => keys.map(({ name }) => name);

Deno.test("keysOf() has the parameters and direction of a type, and its triggers", () => {
  const { settings, triggers } = keysOf(VIEW, "bandwidth");
  assert.deepEqual(namesOf(settings), ["rate", "direction"]);
  assert.equal(settings[1]!.default, "download");
  assert.deepEqual(namesOf(triggers), namesOf(VIEW.triggers));
});

Deno.test("keysOf() has no direction for a fault that does not act on bytes, and nothing for unknown types", () => {
  assert.deepEqual(namesOf(keysOf(VIEW, "delay_connect").settings), ["delay"]);
  assert.deepEqual(keysOf(VIEW, "down"), { settings: [], triggers: [] });
  assert.deepEqual(keysOf(VIEW, "of another version"), { settings: [], triggers: [] });
});

Deno.test("describeFault() leaves out what is as by default, but shows the direction", () => {
  const fault = {
    ...FAULT,
    type: "latency",
    latency: "200ms",
    jitter: "50ms",
    distribution: "uniform",
    buffer: "256MiB",
    direction: "download",
    client: ["10.0.0.0/8", "::1"],
  };
  assert.equal(describeFault(VIEW, fault), "200ms, jitter 50ms, download, client 10.0.0.0/8, ::1");
  assert.equal(describeFault(VIEW, { ...FAULT, type: "down" }), "");
});

Deno.test("valueOf() splits at commas only what may be a list", () => {
  const keyOf = (name: string) => VIEW.triggers.find((key) => key.name === name)!;
  assert.deepEqual(valueOf(keyOf("client"), "10.0.0.0/8, ::1"), ["10.0.0.0/8", "::1"]);
  assert.deepEqual(valueOf(keyOf("sni"), "a.example,b.example,"), ["a.example", "b.example"]);
  assert.equal(valueOf(keyOf("client"), "::1"), "::1");
  assert.equal(valueOf(keyOf("match"), "a,b"), "a,b");
  assert.equal(valueOf(keyOf("client"), ""), null);
});

Deno.test("textOf() is what valueOf() takes", () => {
  assert.equal(textOf(["10.0.0.0/8", "::1"]), "10.0.0.0/8, ::1");
  assert.deepEqual([textOf(3), textOf(undefined), textOf(null)], ["3", "", ""]);
});
