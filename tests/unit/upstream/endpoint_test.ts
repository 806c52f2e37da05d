import assert from "node:assert/strict";
import { ProxyError } from "../../../src/net/errors.ts";
import { WakeUps } from "../../../src/shared/wake_ups.ts";
import { Endpoint, type EndpointRecord, type EndpointState } from "../../../src/upstream/endpoint.ts";
import { UNCOUNTED } from "../../../src/upstream/pool/connection_semaphore.ts";
import { UpstreamMemory } from "../../support/fakes/upstream_parts.ts";

const UP: EndpointState = { health: "up", admin: "up", isEjected: false };

function endpointWith(changes: Partial<EndpointRecord> = {}) {
  const { accounts, gauges } = new UpstreamMemory();
  const row = accounts.endpoints.claim()!;
  const [clients, open] = [gauges.claim()!, gauges.claim()!];
  const record: EndpointRecord = {
    address: { transport: "tcp", hostname: "2001:db8::1", port: 5432 },
    weight: 3,
    tier: 1,
    maxConnections: 2,
    id: row.number,
    clients: clients.slot,
    open: open.slot,
    state: UP,
    ...changes,
  };
  return {
    endpoint: new Endpoint(record, { row, clients, open, wakeUps: new WakeUps(() => {}) }),
    record,
    row,
    clients,
    open,
  };
}

Deno.test("Endpoint takes its state from its record, and from later records", () => {
  const { endpoint, record } = endpointWith();
  assert.deepEqual([endpoint.id, endpoint.key, endpoint.address], [
    record.id,
    "[2001:db8::1]:5432",
    record.address,
  ]);
  assert.deepEqual([endpoint.weight, endpoint.tier, endpoint.maxConnections, endpoint.state], [3, 1, 2, UP]);
  const state: EndpointState = { ...UP, health: "down" };
  endpoint.update({ ...record, weight: 4, tier: 2, maxConnections: 5, state });
  assert.deepEqual([endpoint.weight, endpoint.tier, endpoint.maxConnections, endpoint.state], [
    4,
    2,
    5,
    state,
  ]);
  assert.equal(endpoint.permits.limit, 5);
});

Deno.test("Endpoint is up unless a check, failures or an operator say otherwise, or it was removed", () => {
  const cases: [Partial<EndpointState>, isUp: boolean, isOut: boolean][] = [
    [{}, true, false],
    [{ health: "unknown" }, true, false],
    [{ health: "down" }, false, true],
    [{ isEjected: true }, false, true],
    [{ admin: "drain" }, false, false],
    [{ admin: "down" }, false, false],
  ];
  for (const [state, isUp, isOut] of cases) {
    const { endpoint } = endpointWith({ state: { ...UP, ...state } });
    assert.deepEqual([endpoint.isUp, endpoint.isOut], [isUp, isOut]);
  }
  const { endpoint } = endpointWith();
  endpoint.retire();
  assert.deepEqual([endpoint.isUp, endpoint.isOut, endpoint.permits.tryAcquire()], [false, false, UNCOUNTED]);
});

Deno.test("Endpoint admits and counts connections up to its limit", () => {
  const { endpoint } = endpointWith({ maxConnections: 1 });
  assert.deepEqual([endpoint.isFull, endpoint.active], [false, 0]);
  assert.deepEqual([endpoint.enter(), endpoint.isFull, endpoint.active], [true, true, 1]);
  assert.deepEqual([endpoint.enter(), endpoint.active], [false, 1]);
  endpoint.leave();
  assert.deepEqual([endpoint.isFull, endpoint.active], [false, 0]);
});

Deno.test("Endpoint without a limit is never full", () => {
  const { endpoint } = endpointWith({ maxConnections: 0 });
  assert.deepEqual([endpoint.enter(), endpoint.enter(), endpoint.isFull, endpoint.active], [
    true,
    true,
    false,
    2,
  ]);
  endpoint.leave();
  endpoint.leave();
});

Deno.test("Endpoint is not full and counts no connections after its gauge was released", () => {
  const { endpoint, clients } = endpointWith({ maxConnections: 1 });
  endpoint.enter();
  clients.release();
  assert.deepEqual([endpoint.isFull, endpoint.enter(), endpoint.enter(), clients.value], [
    false,
    true,
    true,
    1,
  ]);
  endpoint.leave();
  endpoint.leave();
  assert.equal(clients.value, 1);
  endpoint.leave();
  assert.equal(clients.value, 0);
});

Deno.test("Endpoint counts connections and failures in its row", () => {
  const { endpoint, row } = endpointWith();
  endpoint.succeeded();
  endpoint.succeeded();
  endpoint.failed("connection_refused");
  const { connects, failures } = row.figures();
  assert.deepEqual([connects, failures], [2, { connection_refused: 1 }]);
});

Deno.test("Endpoint ends the connections that still watch it", () => {
  const { endpoint } = endpointWith();
  const aborts: string[] = [];
  const [first] = ["first", "second"].map((name) =>
    endpoint.whenDown({ abort: ({ code }) => aborts.push(`${name} ${code}`) })
  );
  const down = new ProxyError("endpoint_down", "proxy");
  endpoint.abortConnections(down);
  assert.deepEqual(aborts.splice(0), ["first endpoint_down", "second endpoint_down"]);
  first![Symbol.dispose]();
  endpoint.abortConnections(down);
  assert.deepEqual(aborts, ["second endpoint_down"]);
});
