import assert from "node:assert/strict";
import { POLICY_NAMES, policyOf } from "../../../../src/upstream/balance/registry.ts";
import { TurnCredits } from "../../../../src/upstream/balance/smooth_weighted_round_robin.ts";

for (const name of POLICY_NAMES) {
  Deno.test(`policyOf("${name}") chooses the only endpoint that is allowed, and none where there is none`, () => {
    const policy = policyOf(name, new TurnCredits(2));
    const endpoints = [
      { id: 0, key: "a", weight: 1, part: 1, active: 0 },
      { id: 1, key: "b", weight: 1, part: 1, active: 5 },
    ];
    const [, second] = endpoints;
    const client = "192.0.2.1";
    assert.equal(policy({ endpoints, client, isAllowed: (endpoint) => endpoint === second }), second);
    assert.equal(policy({ endpoints, client, isAllowed: () => false }), undefined);
    assert.equal(policy({ endpoints: [], client, isAllowed: () => true }), undefined);
  });
}

Deno.test("docs/routing.md explains each policy, in the order of the registry", async () => {
  const docs = await Deno.readTextFile(new URL("../../../../docs/routing.md", import.meta.url));
  const rows = docs.slice(docs.indexOf("| `balance` ")).split("\n\n")[0]!.split("\n").slice(2);
  assert.deepEqual(rows.map((row) => /`(\w+)`/.exec(row)?.[1]), POLICY_NAMES);
});
