/** Groups of a plan, while messages arrive that are later than the plan. */

import assert from "node:assert/strict";
import { atOnce } from "../../../../src/config/input/steps.ts";
import { decodeOptions } from "../../../../src/config/library.ts";
import { SharedMemory } from "../../../../src/runtime/control/shared_memory.ts";
import { ThreadAccounts } from "../../../../src/runtime/worker/thread_accounts.ts";
import type { GroupPlan } from "../../../../src/runtime/worker/thread_calls.ts";
import { ThreadGroups } from "../../../../src/runtime/worker/thread_groups.ts";
import { GroupController } from "../../../../src/upstream/group_controller.ts";
import { controllerParts } from "../../../support/fakes/upstream_parts.ts";

const NONE: ReadonlySet<string> = new Set();

class Fixture implements AsyncDisposable {
  readonly groups: ThreadGroups;
  readonly #memory = new SharedMemory(
    decodeOptions({ services: [{ name: "a", listen: 0, upstream: "h:1" }] }),
    1,
  );
  readonly #accounts = new ThreadAccounts(this.#memory.startOf(0), () => {});
  readonly #controllers: GroupController[] = [];

  constructor() {
    const owner = { connectionFailed() {}, stickFailed: () => Promise.resolve(), evictIdle() {} };
    this.groups = new ThreadGroups(this.#accounts, owner);
  }

  /** A group with an endpoint of this weight. */
  plan(name: string, weight: number, isSame = false): GroupPlan {
    const endpoints = [{ address: "192.0.2.1:1", weight }];
    const { upstreams: [config] } = decodeOptions({
      upstreams: { [name]: { endpoints } },
      services: [{ name: "a", listen: 0, upstream: name }],
    });
    const controller = new GroupController(
      config!,
      controllerParts(this.#memory, { setEndpoints() {}, setState() {} }),
    );
    this.#controllers.push(controller);
    const { row, records } = controller;
    return { config: config!, isSame, row: row.number, queue: undefined, endpoints: records };
  }

  /** Puts plans into effect. */
  commit(...plans: readonly GroupPlan[]): void {
    this.groups.plan(plans);
    atOnce(this.groups.make(NONE));
    this.groups.set();
    this.groups.keep(plans, Promise.resolve());
  }

  weight(name: string): number | undefined {
    return this.groups.all.get(name)?.endpoints[0]?.weight;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#accounts[Symbol.dispose]();
    for (const controller of this.#controllers) await controller.stop();
  }
}

Deno.test("ThreadGroups has the groups of the last plan, and leaves those that are the same as they are", async () => {
  await using fixture = new Fixture();
  fixture.commit(fixture.plan("a", 1), fixture.plan("b", 1));
  const a = fixture.groups.all.get("a");
  fixture.commit(fixture.plan("a", 2, true), fixture.plan("c", 3, true));
  assert.equal(fixture.groups.all.get("a"), a);
  assert.deepEqual([...fixture.groups.all.keys()], ["a", "c"]);
  assert.deepEqual(["a", "c"].map((name) => fixture.weight(name)), [1, 3]);
});

Deno.test("ThreadGroups changes groups of services that change with them when these do", async () => {
  await using fixture = new Fixture();
  fixture.commit(fixture.plan("a", 1), fixture.plan("b", 1));
  fixture.groups.plan([fixture.plan("a", 2), fixture.plan("b", 2), fixture.plan("c", 2)]);
  atOnce(fixture.groups.make(new Set(["b", "c"])));
  const weights = () => ["a", "b", "c"].map((name) => fixture.weight(name));
  assert.deepEqual(weights(), [2, 1, 2], "a new service needs its groups");
  assert.equal(fixture.groups.planned.get("b")!.endpoints[0]!.weight, 2);
  fixture.groups.set();
  assert.deepEqual(weights(), [2, 2, 2]);
});

Deno.test("ThreadGroups.find() makes a group of the plan for a message that is later than the plan", async () => {
  await using fixture = new Fixture();
  fixture.groups.plan([fixture.plan("a", 1)]);
  assert.equal(fixture.groups.find("b"), undefined);
  fixture.groups.find("a")!.setEndpoints(fixture.plan("a", 5).endpoints);
  atOnce(fixture.groups.make(NONE));
  fixture.groups.set();
  assert.equal(fixture.weight("a"), 5);
});

Deno.test("ThreadGroups keeps the endpoints of a message that is later than the plan", async () => {
  await using fixture = new Fixture();
  const first = fixture.plan("a", 1);
  fixture.commit(first);
  fixture.groups.plan([{ ...fixture.plan("a", 2), row: first.row }]);
  fixture.groups.find("a")!.setEndpoints(fixture.plan("a", 5).endpoints);
  fixture.groups.set();
  assert.equal(fixture.weight("a"), 5);
  fixture.groups.plan([{ ...fixture.plan("a", 3), row: first.row }]);
  fixture.groups.set();
  assert.equal(fixture.weight("a"), 3, "of the next plan, nothing is outdated");
});
