import assert from "node:assert/strict";
import { GATEWAYS, GRANTS } from "../../../../src/gateway/cluster/collection.ts";
import { type Known, Snapshot } from "../../../../src/gateway/cluster/snapshot.ts";

Deno.test("Snapshot keeps a list as it was when it was first asked for", () => {
  let known: Known | undefined = { objects: [{ metadata: { name: "a" } }] };
  const snapshot = new Snapshot(() => known);
  const before = snapshot.of(GATEWAYS);
  known = { objects: [] };
  assert.equal(snapshot.of(GATEWAYS), before);
  assert.deepEqual(snapshot.of(GRANTS).objects, []);
});

Deno.test("Snapshot is complete if all was known when it was asked for", () => {
  let known: Known | undefined = { objects: [] };
  const snapshot = new Snapshot(() => known);
  assert.ok(snapshot.isComplete);
  snapshot.of(GATEWAYS);
  assert.ok(snapshot.isComplete);
  known = undefined;
  assert.deepEqual(snapshot.of(GRANTS).objects, []);
  known = { objects: [] };
  snapshot.of(GRANTS);
  assert.ok(!snapshot.isComplete, "what was made of it lacks what came later");
});
