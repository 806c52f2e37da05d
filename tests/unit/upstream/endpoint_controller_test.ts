import assert from "node:assert/strict";
import type { PassiveConfig } from "../../../src/config/config.ts";
import { EndpointController } from "../../../src/upstream/endpoint_controller.ts";
import { FakeTime } from "../../support/fakes/fake_time.ts";
import { UpstreamMemory } from "../../support/fakes/upstream_parts.ts";

const SPEC = {
  address: { transport: "tcp", hostname: "192.0.2.1", port: 5432 },
  weight: 3,
  tier: 1,
  maxConnections: 7,
} as const;
/** At the second failure. */
const PASSIVE: PassiveConfig = { failures: 2, window: 1000, eject: 200 };

function controlled(passive?: PassiveConfig) {
  const { accounts, gauges } = new UpstreamMemory();
  const row = accounts.endpoints.claim()!;
  const [clients, open] = [gauges.claim()!, gauges.claim()!];
  return {
    endpoint: new EndpointController(SPEC, { row, clients, open }, passive),
    row,
    clients,
    open,
    accounts,
  };
}

Deno.test("EndpointController reports its state to threads and operators", () => {
  const { endpoint, row, clients, open } = controlled();
  const state = { health: "unknown", admin: "up", isEjected: false } as const;
  assert.deepEqual([endpoint.key, endpoint.address, endpoint.id], [
    "192.0.2.1:5432",
    SPEC.address,
    row.number,
  ]);
  assert.deepEqual(endpoint.state, state);
  assert.deepEqual(endpoint.record(), {
    ...SPEC,
    id: row.number,
    clients: clients.slot,
    open: open.slot,
    state,
  });
  clients.enter(0);
  row.cells.connects.add();
  row.cells.failures.add("connection_refused");
  row.cells.failures.add("timed_out");
  assert.deepEqual(endpoint.figures(), {
    address: "192.0.2.1:5432",
    state: "unknown",
    admin: "up",
    weight: 3,
    tier: 1,
    active: 1,
    maxConnections: 7,
    connects: 1,
    failures: 2,
    failuresBy: { connection_refused: 1, timed_out: 1 },
    lastCheck: undefined,
  });
});

Deno.test("EndpointController.update() adopts weight, tier and limit, and returns whether any changed", () => {
  const { endpoint } = controlled();
  assert.equal(endpoint.update({ ...SPEC }), false);
  assert.equal(endpoint.update({ ...SPEC, weight: 4 }), true);
  assert.equal(endpoint.figures().weight, 4);
  assert.equal(endpoint.update({ ...SPEC, weight: 4 }), false);
});

Deno.test("EndpointController is up unless a check, an operator or an ejection says otherwise", () => {
  const { endpoint } = controlled({ ...PASSIVE, failures: 1, eject: 1e6 });
  assert.equal(endpoint.isUp, true);
  endpoint.health = "down";
  assert.deepEqual([endpoint.isUp, endpoint.condition], [false, "down"]);
  endpoint.health = "up";
  assert.deepEqual([endpoint.isUp, endpoint.condition], [true, "up"]);
  endpoint.admin = "drain";
  assert.equal(endpoint.isUp, false);
  endpoint.admin = "up";
  assert.equal(endpoint.failed(() => {}), true);
  assert.deepEqual([endpoint.isUp, endpoint.condition, endpoint.state.isEjected], [false, "ejected", true]);
  endpoint.passive = undefined;
  assert.deepEqual([endpoint.isUp, endpoint.condition], [true, "up"]);
});

Deno.test("EndpointController ejects after failures, and reports the end of the ejection", async () => {
  using time = new FakeTime();
  await time.advance(100);
  const { endpoint } = controlled(PASSIVE);
  let back = 0;
  const fail = () => endpoint.failed(() => void (back += 1));
  assert.deepEqual([fail(), fail(), fail()], [false, true, false]);
  await time.advance(190);
  assert.deepEqual([endpoint.condition, back], ["ejected", 0]);
  await time.advance(10);
  assert.deepEqual([endpoint.condition, back], ["unknown", 1]);
  await time.advance(1000);
  assert.equal(back, 1);
});

Deno.test("EndpointController never ejects without passive rules", () => {
  const { endpoint } = controlled();
  assert.equal(endpoint.failed(() => {}), false);
  assert.equal(endpoint.condition, "unknown");
});

Deno.test("EndpointController drops its ejection with new rules or when it is removed", async () => {
  using time = new FakeTime();
  for (const how of ["rules", "end"] as const) {
    const { endpoint } = controlled({ ...PASSIVE, failures: 1 });
    let back = 0;
    assert.equal(endpoint.failed(() => void (back += 1)), true);
    if (how === "rules") endpoint.passive = PASSIVE;
    else endpoint.retire();
    await time.advance(500);
    assert.equal(back, 0);
  }
});

Deno.test("EndpointController releases its rows in the accounts when it is removed", () => {
  const { endpoint, clients, open, accounts } = controlled();
  while (accounts.endpoints.claim() !== undefined);
  endpoint.retire();
  assert.deepEqual([clients.isClaimed, open.isClaimed], [false, false]);
  assert.equal(accounts.endpoints.claim()?.number, endpoint.id);
});

Deno.test("EndpointController weighs successful connections against failed ones", () => {
  const { endpoint, row } = controlled({ ...PASSIVE, window: 1e6 });
  endpoint.failed(() => {});
  for (let count = 0; count < 5; count++) row.cells.connects.add();
  assert.equal(endpoint.failed(() => {}), false);
});
