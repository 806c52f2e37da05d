import assert from "node:assert/strict";
import type { FaultConfig } from "../../../../src/config/config.ts";
import { decodeFault } from "../../../../src/config/fault.ts";
import { FaultList } from "../../../../src/runtime/control/fault_list.ts";
import { SharedCounter } from "../../../../src/shared/shared_counter.ts";

Deno.test("FaultList.configure() replaces the configured faults, and those that were added stay behind them", () => {
  const list = new FaultList();
  list.configure(...service(SLOW, RESET));
  list.add(fault({ type: "latency", latency: 5, name: "added" }));
  list.configure(...service(RESET, { type: "drip", delay: 1 }));
  assert.deepEqual(namesOf(list), ["reset_peer_both", "drip_download", "added"]);
  assert.deepEqual(list.states.map(({ isConfigured }) => isConfigured), [true, true, false]);
});

Deno.test("FaultList.configure() keeps what is unchanged as it is, and the counts of what has changed", () => {
  const list = new FaultList();
  list.configure(...service(SLOW, RESET));
  for (let count = 0; count < 3; count++) list.connections.next();
  const [slow, reset] = list.plans;
  new SharedCounter(slow!.applied).next();
  list.configure(...service({ ...SLOW, latency: 200 }, RESET, { type: "drip", delay: 1 }));
  const [slower, same, drip] = list.plans;
  assert.equal(same, reset);
  assert.notEqual(slower!.version, slow!.version);
  assert.deepEqual([slower!.applied, slower!.addedAt, drip!.addedAt], [slow!.applied, 0, 3]);
  assert.deepEqual(list.states.map(({ applied }) => applied), [1, 0, 0]);
});

Deno.test("FaultList.configure() prefers the configuration to a fault of the same name that was added", () => {
  const list = new FaultList();
  list.configure(...service());
  list.add(fault(SLOW));
  list.configure(...service({ ...SLOW, latency: 7 }));
  assert.deepEqual(list.states.map(({ config, isConfigured }) => [config.values, isConfigured]), [
    [fault({ ...SLOW, latency: 7 }).values, true],
  ]);
});

Deno.test("FaultList.configure() leaves no added fault where faults are no longer enabled", () => {
  const list = new FaultList();
  list.configure(...service());
  list.add(fault({ type: "down" }));
  assert.deepEqual([list.isDown, list.willBeDown([], true), list.willBeDown([], false)], [true, true, false]);
  list.configure([], false);
  assert.deepEqual([list.isDown, namesOf(list)], [false, []]);
});

Deno.test("FaultList.update() changes a fault in its place, and a reload brings the configured one back", () => {
  const list = new FaultList();
  list.configure(...service(SLOW, RESET));
  const [slow, reset] = list.plans;
  list.update("latency_download", fault({ ...SLOW, latency: 7 }));
  const [changed, same] = list.plans;
  assert.deepEqual([changed!.config.values, changed!.applied], [
    fault({ ...SLOW, latency: 7 }).values,
    slow!.applied,
  ]);
  assert.notEqual(changed!.version, slow!.version);
  assert.equal(same, reset);
  list.configure(...service(SLOW, RESET));
  assert.deepEqual(list.plans[0]!.config, slow!.config);
  assert.notEqual(list.plans[0]!.version, slow!.version);
});

Deno.test("FaultList.isDown is true while an enabled fault takes the service down", () => {
  const list = new FaultList();
  list.configure(...service());
  const undo = list.remember();
  list.add(fault({ type: "down", enabled: false }));
  assert.equal(list.isDown, false);
  list.update("down", fault({ type: "down" }));
  assert.equal(list.isDown, true);
  undo();
  assert.deepEqual([list.isDown, namesOf(list)], [false, []]);
});

Deno.test("FaultList.remember() undoes what took the service down or up, and nothing that others changed", () => {
  const list = new FaultList();
  list.configure(...service(SLOW, { type: "down" }, RESET));
  const undo = list.remember();
  list.removeDown();
  list.add(fault({ type: "drip" }));
  list.update("latency_download", fault({ ...SLOW, latency: 7 }));
  list.remove("reset_peer_both");
  undo();
  assert.deepEqual(namesOf(list), ["latency_download", "down", "drip_download"]);
  assert.deepEqual(list.plans[0]!.config, fault({ ...SLOW, latency: 7 }));
  assert.equal(list.isDown, true);
});

const SLOW = { type: "latency", latency: 100 };
const RESET = { type: "reset_peer" };

function service(...faults: object[]): [FaultConfig[], boolean] {
  return [faults.map(fault), true];
}

function fault(options: object): FaultConfig {
  return decodeFault(options);
}

function namesOf(list: FaultList): string[] {
  return list.states.map(({ config }) => config.name);
}
