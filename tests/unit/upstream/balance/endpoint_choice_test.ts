import assert from "node:assert/strict";
import type { EndpointState } from "../../../../src/upstream/endpoint.ts";
import { EndpointChoice, TRUST } from "../../../../src/upstream/balance/endpoint_choice.ts";
import { endpointAlone } from "../../../support/fakes/upstream_parts.ts";

function endpointIn(state: Partial<EndpointState>, maxConnections = 0) {
  const endpoint = endpointAlone(maxConnections);
  endpoint.state = { ...endpoint.state, ...state };
  return endpoint;
}

Deno.test("EndpointChoice trusts endpoints by the results of their checks", () => {
  const states: [string, Partial<EndpointState>, boolean[], boolean[]][] = [
    ["found up", { health: "up" }, [true, true, true], [true, true, true]],
    ["not checked yet", {}, [false, true, true], [true, true, true]],
    ["found down", { health: "down" }, [false, false, true], [false, false, true]],
    ["ejected", { health: "up", isEjected: true }, [false, false, true], [false, false, true]],
    ["taken out", { health: "up", admin: "drain" }, [false, false, false], [false, false, false]],
  ];
  const choice = new EndpointChoice();
  for (const [what, state, whenChecked, whenNot] of states) {
    const endpoint = endpointIn(state);
    for (const [areChecked, expected] of [[true, whenChecked], [false, whenNot]] as const) {
      choice.begin({ sourceAddress: "" }, [], areChecked);
      const allowed = TRUST.map((trust) => choice.among([endpoint], trust).isAllowed(endpoint));
      assert.deepEqual(allowed, expected, what);
      const usable = TRUST.map((trust) => choice.among([endpoint], trust).hasUsable([endpoint]));
      assert.deepEqual(usable, expected, what);
    }
  }
});

Deno.test("EndpointChoice holds client and policy facts, and whether an endpoint was full, per client", () => {
  const choice = new EndpointChoice();
  const [free, full] = [endpointIn({}, 1), endpointIn({}, 1)];
  assert.equal(full.enter(), true);
  const endpoints = [free, full];
  assert.equal(
    choice.begin({ sourceAddress: "192.0.2.1" }, [], false).among(endpoints, "any").endpoints,
    endpoints,
  );
  assert.equal(choice.client, "192.0.2.1");
  assert.deepEqual([choice.isAllowed(free), choice.sawFull], [true, false]);
  assert.deepEqual([choice.isAllowed(full), choice.sawFull], [false, true]);
  assert.deepEqual([choice.begin({ sourceAddress: "192.0.2.2" }, [full], false).client, choice.sawFull], [
    "192.0.2.2",
    false,
  ]);
  assert.deepEqual([choice.isAllowed(full), choice.sawFull], [false, false], "it was tried");
  full.leave();
});

Deno.test("EndpointChoice never offers an endpoint again that was full for the client", () => {
  const choice = new EndpointChoice();
  const [one, tried] = [endpointIn({}), endpointIn({})];
  choice.begin({ sourceAddress: "" }, [tried], false).among([one, tried], "any");
  choice.wasFull(one);
  assert.equal(choice.sawFull, true);
  assert.deepEqual([choice.isAllowed(one), choice.isAllowed(tried)], [false, false]);
  choice.begin({ sourceAddress: "" }, [], false);
  assert.deepEqual([choice.isAllowed(one), choice.isAllowed(tried)], [true, true]);
});

Deno.test("EndpointChoice uses unchecked endpoints, but not down ones, after a failed attempt", () => {
  const choice = new EndpointChoice();
  const [tried, other] = [endpointIn({ health: "up" }), endpointIn({ health: "down" })];
  choice.begin({ sourceAddress: "" }, [tried], true);
  const usable = TRUST.map((trust) => choice.among([], trust).hasUsable([tried, other]));
  assert.deepEqual(usable, [false, true, true]);
});
