import assert from "node:assert/strict";
import { formatAddress } from "../../../../../src/net/address.ts";
import { instancesIn } from "../../../../../src/upstream/discovery/consul/instances.ts";

function instance(
  port: number,
  checks: Readonly<Record<string, string>> = {},
  service: Readonly<Record<string, unknown>> = {},
): unknown {
  return {
    Node: { Node: "n1", Address: "10.0.0.1" },
    Service: { ID: `db-${port}`, Address: "", Port: port, ...service },
    Checks: Object.entries(checks).map(([CheckID, Status]) => ({ CheckID, Status })),
  };
}

/** The endpoints in an answer as `address weight`, with `drain` for those in maintenance. */
function endpoints(answer: unknown[], passingOnly = false): string[] {
  return instancesIn(answer, passingOnly).endpoints.map(({ address, weight, drain }) =>
    `${formatAddress(address)} ${weight}${drain === true ? " drain" : ""}`
  );
}

Deno.test("instancesIn() takes the address of the service, or that of its node", () => {
  assert.deepEqual(
    endpoints([
      instance(3, {}, { Address: "db.internal" }),
      instance(2, {}, { Address: "2001:db8::1" }),
      instance(1),
    ]),
    ["10.0.0.1:1 1", "[2001:db8::1]:2 1", "db.internal:3 1"],
  );
});

Deno.test("instancesIn() leaves out what a check finds critical, and on request what one warns of", () => {
  const weights = { Weights: { Passing: 10, Warning: 2 } };
  const answer = [
    instance(1, { serfHealth: "passing", a: "passing" }, weights),
    instance(2, { serfHealth: "passing", a: "warning" }, weights),
    instance(3, { serfHealth: "critical", a: "passing" }, weights),
    instance(4, { a: "warning", b: "critical" }, weights),
    instance(5, { a: "unknown to us" }, weights),
    instance(6),
  ];
  assert.deepEqual(endpoints(answer), ["10.0.0.1:1 10", "10.0.0.1:2 2", "10.0.0.1:6 1"]);
  assert.deepEqual(endpoints(answer, true), ["10.0.0.1:1 10", "10.0.0.1:6 1"]);
});

Deno.test("instancesIn() keeps weights from 1 to 65535, as in SRV records", () => {
  const weighing = (Passing: unknown) => endpoints([instance(1, {}, { Weights: { Passing } })]);
  assert.deepEqual(weighing(70_000), ["10.0.0.1:1 65535"]);
  assert.deepEqual(weighing(JSON.parse("1e400")), ["10.0.0.1:1 65535"]);
  assert.deepEqual([weighing(0), weighing("5"), weighing(2.5), weighing(-1)], [
    ["10.0.0.1:1 1"],
    ["10.0.0.1:1 1"],
    ["10.0.0.1:1 2"],
    ["10.0.0.1:1 1"],
  ]);
});

Deno.test("instancesIn() drains what is in maintenance, unless another check is critical", () => {
  assert.deepEqual(
    endpoints([
      instance(1, { _node_maintenance: "critical", a: "passing" }),
      instance(2, { "_service_maintenance:db-2": "critical", a: "warning" }),
      instance(3, { _node_maintenance: "critical", a: "critical" }),
    ]),
    ["10.0.0.1:1 1 drain", "10.0.0.1:2 1 drain"],
  );
});

Deno.test("instancesIn() gives each address once, and not drained where an instance of it is not", () => {
  const drained = instance(1, { _node_maintenance: "critical" });
  assert.deepEqual(endpoints([drained, instance(1)]), ["10.0.0.1:1 1"]);
  assert.deepEqual(endpoints([instance(1), drained]), ["10.0.0.1:1 1"]);
});

Deno.test("instancesIn() names instances that cannot be endpoints, and uses the others", () => {
  const { endpoints: found, unusable } = instancesIn(
    [instance(0), instance(1), instance(2, {}, { Address: "my host" }), {}, null],
    false,
  );
  assert.deepEqual(found.map(({ address }) => formatAddress(address)), ["10.0.0.1:1"]);
  assert.deepEqual([...unusable].map(([what, { message }]) => `${what}: ${message}`), [
    "instance db-0 of node n1: it has no port",
    'instance db-2 of node n1: Cannot use "my host" as a host: " " cannot be in the name of a host',
    "instance  of node : it has no port",
  ]);
  for (const answer of [{}, null, "x", undefined]) {
    assert.throws(() => instancesIn(answer, false), { message: "the answer is no list of instances" });
  }
});
