import assert from "node:assert/strict";
import { isFalse, isNewer, isTrue, mergeConditions } from "../../../src/gateway/conditions.ts";

const EARLIER = "2026-01-01T00:00:00Z";
const NOW = "2026-06-01T00:00:00Z";

function stored(type: string, status: string, keys = {}) {
  return {
    type,
    status,
    reason: "Old",
    message: "",
    observedGeneration: 1,
    lastTransitionTime: EARLIER,
    ...keys,
  };
}

Deno.test("mergeConditions() keeps the time while the status is the same, and sets it when that changes", () => {
  const before = [stored("Accepted", "True"), stored("Programmed", "Unknown")];
  const merged = mergeConditions(
    before,
    [isTrue("Accepted"), isFalse("Programmed", "Invalid", "no port")],
    3,
    NOW,
  );
  assert.deepEqual(merged, [
    {
      type: "Accepted",
      status: "True",
      reason: "Accepted",
      message: "",
      observedGeneration: 3,
      lastTransitionTime: EARLIER,
    },
    {
      type: "Programmed",
      status: "False",
      reason: "Invalid",
      message: "no port",
      observedGeneration: 3,
      lastTransitionTime: NOW,
    },
  ]);
});

Deno.test("mergeConditions() neither removes nor reorders the conditions of others", () => {
  const foreign = stored("example.com/Checked", "True");
  const before = [foreign, stored("Accepted", "True"), stored("Other", "False")];
  const merged = mergeConditions(before, [isTrue("Programmed"), isTrue("Accepted")], 1, NOW);
  assert.deepEqual(merged.map(({ type }) => type), [
    "example.com/Checked",
    "Accepted",
    "Other",
    "Programmed",
  ]);
  assert.deepEqual(merged[0], foreign);
});

Deno.test("mergeConditions() makes conditions where there are none, or nonsense", () => {
  for (const before of [undefined, null, "x", {}, [], [1, null]]) {
    const types = mergeConditions(before, [isTrue("Accepted")], 1, NOW).map(({ type }) => type);
    assert.equal(types.at(-1), "Accepted");
  }
});

Deno.test("isNewer() finds conditions about a later version of the object", () => {
  assert.ok(isNewer([stored("Accepted", "True", { observedGeneration: 4 })], 3));
  assert.ok(!isNewer([stored("Accepted", "True", { observedGeneration: 3 })], 3));
  assert.ok(!isNewer(undefined, 3));
});
