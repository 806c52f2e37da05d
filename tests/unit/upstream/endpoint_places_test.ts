/** The places of endpoints in the accounts, and endpoints that find none. */

import assert from "node:assert/strict";
import { type Address, formatAddress } from "../../../src/net/address.ts";
import { type Log, silentLog } from "../../../src/observe/log/log.ts";
import { GroupController } from "../../../src/upstream/group_controller.ts";
import { FakeTime } from "../../support/fakes/fake_time.ts";
import {
  controllerParts,
  endpointsAt,
  groupConfig,
  UpstreamMemory,
} from "../../support/fakes/upstream_parts.ts";

/** A group of this many endpoints, of the eight that have a place. */
function startedGroup(count: number) {
  const messages: string[] = [];
  const log: Log = { ...silentLog(), error: (message) => void messages.push(message) };
  const sent: number[] = [];
  const updates = {
    setEndpoints: (_: string, { length }: readonly unknown[]) => void sent.push(length),
    setState() {},
  };
  const memory = new UpstreamMemory();
  const controller = new GroupController(
    groupConfig({ endpoints: endpointsAt(count) }),
    controllerParts(memory, updates, log),
  );
  controller.start();
  const keys = () => controller.endpoints.map(({ key }) => key);
  return { controller, memory, messages, sent, keys };
}

Deno.test("GroupController gives the places of endpoints that go to those that come in their stead", async () => {
  const { controller, messages, sent, keys } = startedGroup(6);
  const others = endpointsAt(14).slice(6);
  controller.update(groupConfig({ endpoints: others }));
  assert.equal(new Set(keys()).size, 8);
  assert.deepEqual(keys(), others.map(({ address }) => formatAddress(address as Address)));
  assert.deepEqual(messages, []);
  assert.deepEqual(sent, [2, 8]);
  controller.update(groupConfig({ endpoints: endpointsAt(10) }));
  assert.equal(controller.endpoints.length, 8);
  assert.deepEqual(messages, ["group: 2 endpoints ignored, the table of all endpoints is full"]);
  await controller.stop();
});

Deno.test("GroupController makes an endpoint that was refused once the last connection of a removed one ends", async () => {
  using time = new FakeTime();
  const { controller, memory, messages, sent, keys } = startedGroup(8);
  const clients = memory.gauges.at(controller.records[0]!.clients);
  clients.enter(0);
  controller.update(groupConfig({ endpoints: endpointsAt(9).slice(1) }));
  assert.equal(keys().length, 7);
  await time.advance(5000);
  assert.deepEqual([keys().length, sent, messages], [7, [7], [
    "group: 1 endpoint ignored, the table of all endpoints is full",
  ]]);
  clients.leave();
  await time.advance(1000);
  assert.equal(keys().at(-1), "192.0.2.1:9");
  assert.deepEqual([keys().length, sent], [8, [7, 8]]);
  // A removed one is not tried any more.
  controller.update(groupConfig({ endpoints: endpointsAt(10).slice(1) }));
  controller.update(groupConfig({ endpoints: endpointsAt(7) }));
  await time.advance(5000);
  assert.equal(keys().length, 7);
  controller.update(groupConfig({ endpoints: endpointsAt(10) }));
  await controller.stop();
  await time.advance(5000);
  assert.equal(sent.at(-1), 8);
  assert.equal(messages.length, 3);
});
