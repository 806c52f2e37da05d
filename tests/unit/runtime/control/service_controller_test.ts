import assert from "node:assert/strict";
import { decodeOptions } from "../../../../src/config/library.ts";
import type { ProxyOptions } from "../../../../src/config/options.ts";
import { ClientTable } from "../../../../src/shared/client_table.ts";
import { RateLimit } from "../../../../src/shared/rate_limit.ts";
import { ServiceController } from "../../../../src/runtime/control/service_controller.ts";
import { SharedMemory } from "../../../../src/runtime/control/shared_memory.ts";
import { WorkerEpoch } from "../../../../src/shared/worker_epoch.ts";

const CLIENT = { family: 4, high: 0, low: 1 };
type Limits = NonNullable<ProxyOptions["services"][number]["limits"]>;

Deno.test("ServiceController has tables only for the limits of the service", () => {
  const { keep } = fixture();
  const plain = keep({});
  assert.deepEqual([plain.plan.rate, plain.plan.clients], [undefined, undefined]);
  for (const limits of [{ connectionsPerClient: 1 }, { connectsPerSecondPerClient: 1 }] satisfies Limits[]) {
    const service = keep(limits);
    assert.ok(service.plan.clients !== undefined);
    assert.equal(service.plan.rate, undefined);
  }
  assert.ok(keep({ connectsPerSecond: 1 }).plan.rate !== undefined);
});

Deno.test("ServiceController keeps its counts when another setting changes", () => {
  const { keep, configOf } = fixture();
  const limits: Limits = { connectsPerSecond: 5, connectionsPerClient: 2 };
  const service = keep(limits);
  const { rate, clients, row, gauge } = service.plan;
  service.config = { ...configOf({ ...limits, connections: 7 }), idleTimeout: 1 };
  const { config, ...after } = service.plan;
  assert.deepEqual([config.limits.connections, config.idleTimeout], [7, 1]);
  assert.deepEqual([after.row, after.gauge], [row, gauge]);
  assert.equal(after.rate, rate);
  assert.equal(after.clients, clients);
});

Deno.test("ServiceController starts a changed rate over, and keeps the counts of clients", () => {
  const { memory, keep, configOf } = fixture();
  const service = keep({ connectsPerSecond: 1, connectionsPerClient: 1 });
  const { rate, clients } = service.plan;
  new ClientTable(memory.clients, { connections: 1, rate: undefined }, {
    memory: clients!,
    epoch: memory.epoch,
  }).enter(
    CLIENT,
  );
  assert.equal(new RateLimit(rate, { rate: 1, burst: 1 }).take(), true);
  assert.equal(new RateLimit(rate, { rate: 1, burst: 1 }).take(), false);
  service.config = configOf({ connectsPerSecond: 2, connectionsPerClient: 2 });
  const after = service.plan;
  assert.notEqual(after.rate, rate);
  assert.equal(new RateLimit(after.rate, { rate: 2, burst: 2 }).take(), true);
  assert.equal(after.clients, clients);
  const table = new ClientTable(memory.clients, { connections: 2, rate: undefined }, {
    memory: after.clients!,
    epoch: new WorkerEpoch(memory.epoch.startOf(1)),
  });
  assert.deepEqual([table.enter(CLIENT), table.enter(CLIENT)], ["ok", "too_many"]);
});

Deno.test("ServiceController applies a changed per-client rate to known and new clients alike", () => {
  const { memory, keep, configOf } = fixture();
  const service = keep({ connectsPerSecondPerClient: { rate: 100, burst: 100 } });
  const clock = { now: Date.UTC(2030, 0, 1) };
  const table = () => {
    const { config: { limits }, clients } = service.plan;
    return new ClientTable(memory.clients, {
      connections: limits.connectionsPerClient,
      rate: limits.connectsPerSecondPerClient,
    }, { epoch: memory.epoch, memory: clients!, now: () => clock.now });
  };
  const before = table();
  for (let low = 0; low < 60_000; low++) before.enter({ family: 4, high: 0, low });
  for (let low = 0; low < 60_000; low++) before.leave({ family: 4, high: 0, low });
  clock.now += 1000;
  service.config = configOf({ connectsPerSecondPerClient: { rate: 1, burst: 1 } });
  const after = table();
  for (const low of [1, 59_999, 60_000, 60_001]) {
    assert.equal(after.enter({ family: 4, high: 0, low }), "ok");
    assert.equal(after.enter({ family: 4, high: 0, low }), "too_fast");
  }
  for (let low = 200_000; low < 200_200; low++) {
    assert.equal(after.enter({ family: 4, high: 0, low }), "ok");
  }
});

Deno.test("ServiceController drops the tables of removed limits, and creates new ones for new limits", () => {
  const { keep, configOf } = fixture();
  const limits: Limits = { connectsPerSecond: 1, connectsPerSecondPerClient: 1 };
  const service = keep(limits);
  const before = service.plan;
  service.config = configOf({});
  assert.deepEqual([service.plan.rate, service.plan.clients], [undefined, undefined]);
  service.config = configOf(limits);
  const after = service.plan;
  assert.ok(after.rate !== undefined && after.rate !== before.rate);
  assert.ok(after.clients !== undefined && after.clients !== before.clients);
});

Deno.test("ServiceController has connections numbered only for faults or a filter", () => {
  const { memory, keep, configOf } = fixture();
  const service = keep({});
  assert.equal(service.plan.faults, undefined);
  service.faults.configure([], true);
  const { connections } = service.faults;
  assert.deepEqual(service.plan.faults, { connections: connections.memory, faults: [] });
  service.faults.configure([], false);
  assert.equal(service.plan.faults, undefined);
  const filtered = new ServiceController({ ...configOf({}), filter: () => undefined }, memory);
  assert.ok(filtered.plan.faults !== undefined);
});

Deno.test("ServiceController.reclaimWorker() takes the connections of a dead worker off its clients", () => {
  const { memory, keep } = fixture();
  const service = keep({ connectionsPerClient: 1 });
  const { clients } = service.plan;
  const tables = [0, 1].map((thread) =>
    new ClientTable(memory.clients, { connections: 1, rate: undefined }, {
      memory: clients!,
      epoch: new WorkerEpoch(memory.epoch.startOf(thread)),
    })
  );
  assert.equal(tables[1]!.enter(CLIENT), "ok");
  assert.equal(tables[0]!.enter(CLIENT), "too_many");
  memory.epoch.end(1);
  service.reclaimWorker(1, 0);
  assert.equal(tables[0]!.enter(CLIENT), "ok");
});

Deno.test("ServiceController claims all of its rows and slots or none, and frees them on release()", () => {
  const { memory, keep } = fixture();
  const { capacity } = memory.gauges;
  const taken = new DisposableStack();
  // Only one gauge is free, but rows for many services.
  for (let gauge = 0; gauge < capacity - 1; gauge++) {
    taken.adopt(memory.gauges.claim()!, (each) => each.release());
  }
  const service = keep({});
  assert.throws(() => keep({}), { name: "AccountsFullError", message: /restart to make room/ });
  service.release();
  for (let round = 0; round < 2 * memory.accounts.services.rows; round++) keep({}).release();
  taken.dispose();
});

function fixture() {
  const memory = new SharedMemory(
    decodeOptions({ services: [{ name: "test", listen: 0, upstream: "192.0.2.1:1" }] }),
    2,
  );
  const configOf = (limits: Limits) =>
    decodeOptions({ services: [{ name: "test", listen: 0, upstream: "192.0.2.1:1", limits }] }).services[0]!;
  return { memory, configOf, keep: (limits: Limits) => new ServiceController(configOf(limits), memory) };
}
