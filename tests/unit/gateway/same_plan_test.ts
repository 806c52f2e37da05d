import assert from "node:assert/strict";
import { atOnce } from "../../../src/config/input/steps.ts";
import { isSamePlan, withoutRoutes } from "../../../src/gateway/same_plan.ts";
import type { PlannedGroup, PlannedRoute, PortPlan } from "../../../src/gateway/translation/ports.ts";

const PAIR = { id: "one", cert: "c", key: "k" };

function plan(
  { route = {}, group = {}, more = {} }: {
    readonly route?: Partial<PlannedRoute>;
    readonly group?: Partial<PlannedGroup>;
    readonly more?: Partial<PortPlan>;
  } = {},
): PortPlan {
  const g = { endpoints: [{ address: "10.0.0.1:1", weight: 1 }], refuses: false, routes: [], ...group };
  return {
    port: 1,
    routes: [{ sni: ["a.test"], pairs: [PAIR], group: "g", ...route }],
    upstream: undefined,
    groups: new Map([["g", g]]),
    ...more,
  };
}

Deno.test("isSamePlan() takes plans for the same that make the same service", () => {
  assert.equal(atOnce(isSamePlan(withoutRoutes(plan()), plan({ group: { routes: [] } }))), true);
});

for (
  const [what, other] of Object.entries<PortPlan>({
    "the port": plan({ more: { port: 2 } }),
    "the upstream": plan({ more: { upstream: "g" } }),
    "a route more": plan({ more: { routes: [...plan().routes, ...plan().routes] } }),
    "no route": plan({ more: { routes: [] } }),
    "a name more": plan({ route: { sni: ["a.test", "b.test"] } }),
    "another name": plan({ route: { sni: ["b.test"] } }),
    "any name": plan({ route: { sni: undefined } }),
    "another certificate": plan({ route: { pairs: [{ ...PAIR, id: "two" }] } }),
    "no certificate": plan({ route: { pairs: [] } }),
    "another group": plan({ route: { group: "h" } }),
    "another address": plan({ group: { endpoints: [{ address: "10.0.0.2:1", weight: 1 }] } }),
    "another weight": plan({ group: { endpoints: [{ address: "10.0.0.1:1", weight: 2 }] } }),
    "no endpoint": plan({ group: { endpoints: [] } }),
    "a refusal": plan({ group: { refuses: true } }),
    "the name of a group": plan({ more: { groups: new Map([["h", plan().groups.get("g")!]]) } }),
    "a group more": plan({ more: { groups: new Map([...plan().groups, ["h", plan().groups.get("g")!]]) } }),
  })
) {
  Deno.test(`isSamePlan() notices ${what}`, () => {
    assert.equal(atOnce(isSamePlan(plan(), other)), false);
    assert.equal(atOnce(isSamePlan(other, plan())), false);
  });
}

Deno.test("isSamePlan() tells no names from any name", () => {
  const of = (sni: readonly string[] | undefined) => plan({ route: { sni } });
  assert.equal(atOnce(isSamePlan(of([]), of(undefined))), false);
});
