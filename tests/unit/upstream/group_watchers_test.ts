/** The calls of a group to its watchers, its owner and its accounts. */

import assert from "node:assert/strict";
import { ProxyError } from "../../../src/net/errors.ts";
import type { Endpoint } from "../../../src/upstream/endpoint.ts";
import { UNCOUNTED } from "../../../src/upstream/pool/connection_semaphore.ts";
import { GroupThreads } from "./group_threads.ts";
import { CHECK, ControlledGroup, endpointsAt, groupConfig } from "../../support/fakes/upstream_parts.ts";

const REFUSED = new ProxyError("connection_refused", "upstream");

/** Records its calls, and has this many idle connections to each endpoint. */
class Watcher {
  readonly calls: string[] = [];
  #idle: number;

  constructor(idle = 0) {
    this.#idle = idle;
  }

  added({ key }: Endpoint): void {
    this.calls.push(`added ${key}`);
  }

  unusable({ key }: Endpoint): void {
    this.calls.push(`unusable ${key}`);
  }

  evictIdle({ key }: Endpoint): boolean {
    if (this.#idle === 0) return false;
    this.#idle -= 1;
    this.calls.push(`closed one to ${key}`);
    return true;
  }
}

Deno.test("Group watchers receive each addition, down and removal once, until they end", async () => {
  await using fixture = new ControlledGroup({ endpoints: endpointsAt(1) });
  const { group, controller } = fixture;
  const watcher = new Watcher();
  const watch = group.watch(watcher);
  controller.update(groupConfig({ endpoints: endpointsAt(2) }));
  assert.deepEqual(watcher.calls.splice(0), ["added 192.0.2.1:2"]);
  const [, second] = fixture.endpoints;
  fixture.found(second!, "up");
  assert.deepEqual(watcher.calls, [], "it was up before");
  fixture.foundDown(second!);
  assert.deepEqual(watcher.calls.splice(0), ["unusable 192.0.2.1:2"]);
  fixture.foundDown(second!);
  fixture.found(second!, "up");
  assert.deepEqual(watcher.calls, [], "it was down before, and up is no news");
  controller.update(groupConfig({ endpoints: endpointsAt(1) }));
  assert.deepEqual(watcher.calls.splice(0), ["unusable 192.0.2.1:2"]);
  group.setState(second!.control.id, { ...second!.control.state, health: "down" }, true);
  assert.deepEqual(watcher.calls, [], "the group does not have it any more");
  watch[Symbol.dispose]();
  controller.update(groupConfig({ endpoints: endpointsAt(2) }));
  assert.deepEqual(watcher.calls, []);
});

Deno.test("Group counts no connections to a removed endpoint", async () => {
  await using fixture = new ControlledGroup({ endpoints: endpointsAt(2, 1) });
  const { group } = fixture;
  const watcher = new Watcher();
  group.watch(watcher);
  const [first, second] = group.endpoints;
  const takeAll = (endpoint: Endpoint) => {
    const place = endpoint.permits.tryAcquire();
    assert.notEqual(place, UNCOUNTED);
    assert.equal(endpoint.permits.tryAcquire(), undefined);
    return place!;
  };
  const places = [takeAll(first!), takeAll(second!)];
  // Before the controller has released the counters.
  group.setEndpoints(fixture.controller.records.slice(0, 1));
  assert.equal(second!.permits.tryAcquire(), UNCOUNTED);
  assert.equal(first!.permits.tryAcquire(), undefined);
  assert.deepEqual(watcher.calls.splice(0), ["unusable 192.0.2.1:2"]);
  group.retire();
  assert.equal(first!.permits.tryAcquire(), UNCOUNTED);
  assert.deepEqual(watcher.calls.splice(0), ["unusable 192.0.2.1:1"]);
  for (const place of places) place[Symbol.dispose]();
});

Deno.test("Group evicts an idle connection in this thread, or else in another", async () => {
  await using threads = new GroupThreads(2, { endpoints: endpointsAt(2) });
  const [here, there] = threads.groups;
  const [own, others] = [new Watcher(1), new Watcher(1)];
  here!.watch(own);
  there!.watch(others);
  const [first, second] = here!.endpoints;
  here!.evictIdle(second!);
  assert.deepEqual([own.calls, threads.post.size], [["closed one to 192.0.2.1:2"], 0]);
  here!.evictIdle(first!);
  assert.deepEqual(others.calls, []);
  assert.equal(threads.post.deliverAll(), 1);
  assert.deepEqual(others.calls, ["closed one to 192.0.2.1:1"]);
  there!.evictIdleById(first!.id);
  assert.equal(threads.post.size, 0, "there is no other way to pass it on");
  there!.evictIdleById(-1);
  assert.equal(others.calls.length, 1);
});

Deno.test("Group counts connections and failures of an endpoint, with their durations", async () => {
  await using fixture = new ControlledGroup({ endpoints: endpointsAt(2) });
  const { group } = fixture;
  const [first, second] = group.endpoints;
  group.connected(first!, 250);
  group.connected(first!, 1750);
  group.connectionFailed(second!, REFUSED);
  const [one, two] = fixture.endpoints.map(({ control }) => control.figures());
  assert.deepEqual([one!.connects, one!.failures], [2, 0]);
  assert.deepEqual([two!.connects, two!.failuresBy], [0, { connection_refused: 1 }]);
  assert.equal(fixture.controller.row.figures().connectTime.sum, 2);
  assert.equal(group.name, "group");
});

Deno.test("Group continues its turns when the policy changes", async () => {
  await using fixture = new ControlledGroup({ endpoints: endpointsAt(2), balance: "source_hash" });
  const { group } = fixture;
  const ports = () =>
    Array.from({ length: 4 }, () => (group.enter({ sourceAddress: "192.0.2.9" }, []) as Endpoint).key.at(-1));
  assert.equal(new Set(ports()).size, 1);
  group.config = groupConfig({ endpoints: endpointsAt(2), balance: "round_robin" });
  assert.deepEqual(ports(), ["1", "2", "1", "2"]);
});

Deno.test("Group uses backups in the order of their tiers", async () => {
  await using fixture = new ControlledGroup({ endpoints: [] });
  const { group, controller } = fixture;
  const records = [2, 0, 1].map((tier, index) => ({
    ...endpointsAt(3)[index]!,
    tier,
    id: index,
    clients: index,
    open: index,
    state: { health: "unknown", admin: "up", isEjected: false } as const,
  }));
  controller.update(groupConfig({ endpoints: endpointsAt(3) }));
  group.setEndpoints(records);
  const tried: Endpoint[] = [];
  for (;;) {
    const endpoint = group.enter({ sourceAddress: "" }, tried);
    if (typeof endpoint === "string") break;
    tried.push(endpoint);
  }
  assert.deepEqual(tried.map(({ tier }) => tier), [0, 1, 2]);
});

Deno.test("Group reports that its only endpoint was ejected, not that none exists", async () => {
  await using fixture = new ControlledGroup();
  fixture.controller.setAdmin(fixture.endpoints[0]!.control, "drain");
  assert.equal(fixture.group.enter({ sourceAddress: "" }, []), "taken_out");
  await using empty = new ControlledGroup({ endpoints: [] });
  assert.equal(empty.group.enter({ sourceAddress: "" }, []), "unknown");
});

Deno.test("Group lets no client wait for first results after it is removed", async () => {
  await using fixture = new ControlledGroup({ endpoints: endpointsAt(2), healthCheck: CHECK });
  const { group } = fixture;
  assert.equal(group.isSettled, false);
  const settled = group.settled(new AbortController().signal);
  group.retire();
  await settled;
  assert.equal(group.isSettled, true);
});
