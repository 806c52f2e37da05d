/** Groups that start or stop to use DNS for their endpoints while they are used. */

import assert from "node:assert/strict";
import type { DiscoveryConfig, GroupConfig } from "../../../src/config/config.ts";
import { ControlledGroup, groupConfig } from "../../support/fakes/upstream_parts.ts";
import { NameServer } from "./name_server.ts";

const NAMED: GroupConfig["endpoints"] = [{
  address: { transport: "tcp", hostname: "db.test", port: 5432 },
  weight: 1,
  maxConnections: 0,
  tier: undefined,
  backup: false,
}];

Deno.test("Group with discovery has no endpoints until the first look-up", async () => {
  await using server = await NameServer.start();
  server.addresses = ["192.0.2.7", "192.0.2.8"];
  await using fixture = new ControlledGroup({ endpoints: NAMED, discovery: discoveryAt(server) });
  assert.deepEqual(fixture.controller.notReady, ["group: no endpoint is known yet"]);
  assert.equal(fixture.group.enter({ sourceAddress: "" }, []), "unknown");
  fixture.controller.start();
  await found(fixture);
  assert.deepEqual(keysOf(fixture), ["192.0.2.7:5432", "192.0.2.8:5432"]);
  assert.deepEqual(fixture.controller.notReady, []);
});

Deno.test("Group keeps its endpoints when discovery is turned on, until it finds others", async () => {
  await using server = await NameServer.start();
  server.addresses = ["192.0.2.7"];
  await using fixture = new ControlledGroup({ endpoints: NAMED });
  fixture.controller.start();
  assert.deepEqual(keysOf(fixture), ["db.test:5432"]);
  const changed = newEndpoints(fixture);
  update(fixture, { endpoints: NAMED, discovery: discoveryAt(server) });
  assert.deepEqual(keysOf(fixture), ["db.test:5432"]);
  await changed;
  assert.deepEqual(keysOf(fixture), ["192.0.2.7:5432"]);
});

Deno.test("Group returns to the configured endpoints when discovery is turned off", async () => {
  await using server = await NameServer.start();
  server.addresses = ["192.0.2.7"];
  await using fixture = new ControlledGroup({ endpoints: NAMED, discovery: discoveryAt(server) });
  fixture.controller.start();
  await found(fixture);
  update(fixture, { endpoints: NAMED });
  assert.deepEqual(keysOf(fixture), ["db.test:5432"]);
  assert.deepEqual(fixture.group.endpoints.map(({ key }) => key), ["db.test:5432"]);
  assert.deepEqual(fixture.controller.notReady, []);
});

Deno.test("Group keeps discovered endpoints when other settings change", async () => {
  await using server = await NameServer.start();
  server.addresses = ["192.0.2.7"];
  const discovery = discoveryAt(server);
  await using fixture = new ControlledGroup({ endpoints: NAMED, discovery });
  fixture.controller.start();
  await found(fixture);
  const [before] = fixture.endpoints;
  update(fixture, { endpoints: NAMED, discovery: { ...discovery }, onDown: "close", balance: "random_two" });
  assert.equal(fixture.endpoints[0]!.used, before!.used);
  assert.equal(fixture.group.config.balance, "random_two");
});

function discoveryAt({ address }: NameServer): DiscoveryConfig {
  return { dns: "a", interval: 1_000_000, server: address };
}

async function found({ group }: ControlledGroup): Promise<void> {
  await group.settled(new AbortController().signal);
}

/** Resolves when an endpoint is added. */
function newEndpoints({ group }: ControlledGroup): Promise<void> {
  return new Promise((resolve) => {
    const watch = group.watch({
      added: () => {
        watch[Symbol.dispose]();
        resolve();
      },
      unusable: () => {},
      evictIdle: () => false,
    });
  });
}

function keysOf({ controller, group }: ControlledGroup): string[] {
  assert.deepEqual(group.endpoints.map(({ key }) => key), controller.endpoints.map(({ key }) => key));
  return group.endpoints.map(({ key }) => key);
}

function update({ controller, group }: ControlledGroup, change: Partial<GroupConfig>): void {
  const config = groupConfig(change);
  controller.update(config);
  group.config = config;
}
