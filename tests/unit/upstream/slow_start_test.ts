import assert from "node:assert/strict";
import { FakeTime } from "../../support/fakes/fake_time.ts";
import { CHECK, endpointsAt, groupConfig } from "../../support/fakes/upstream_parts.ts";
import { SlowStart, Warming } from "../../../src/upstream/slow_start.ts";
import { GroupThreads } from "./group_threads.ts";

Deno.test("a Warming grows evenly from a twentieth to the whole, in other threads too", () => {
  using time = new FakeTime();
  const warming = new Warming({ past: 0, whole: 10_000 });
  assert.equal(warming.part, 0.05);
  time.stall(2500);
  assert.equal(warming.part, 0.25);
  const there = new Warming(warming.progress!);
  time.stall(2500);
  assert.deepEqual([warming.part, there.part], [0.5, 0.5]);
  time.stall(5000);
  assert.deepEqual([warming.part, warming.progress, there.part], [1, undefined, 1]);
});

Deno.test("SlowStart begins when an endpoint comes up again or is added, not at the start of the group", () => {
  using _time = new FakeTime();
  for (const healthCheck of [CHECK, undefined]) {
    const config = groupConfig({ slowStart: 10_000, healthCheck });
    const slowStart = new SlowStart();
    const [a, b, late] = [fake(), fake(), fake()];
    slowStart.update(config, []);
    slowStart.update(config, [a, b]);
    if (healthCheck !== undefined) a.health = "up";
    slowStart.update(config, [a, b]);
    assert.deepEqual([a.warming, b.warming], [undefined, undefined]);
    b.health = "down";
    b.isUp = false;
    slowStart.update(config, [a, b, late]);
    assert.equal(late.warming === undefined, healthCheck !== undefined, "it is not checked yet");
    b.health = late.health = "up";
    b.isUp = true;
    slowStart.update(config, [a, b, late]);
    assert.deepEqual([a.warming?.part, b.warming?.part, late.warming?.part], [undefined, 0.05, 0.05]);
    const { warming } = b;
    slowStart.update(config, [a, b, late]);
    assert.equal(b.warming, warming, "it goes on");
    slowStart.update({ ...config, slowStart: 0 }, [a, b, late]);
    assert.equal(b.warming, undefined);
  }
});

Deno.test("SlowStart takes no new check of an endpoint in use for its return", () => {
  const slowStart = new SlowStart();
  const [a] = [fake()];
  slowStart.update(groupConfig({ slowStart: 1000 }), [a]);
  const config = groupConfig({ slowStart: 1000, healthCheck: CHECK });
  slowStart.update(config, [a]);
  a.health = "up";
  slowStart.update(config, [a]);
  assert.equal(a.warming, undefined);
});

Deno.test("threads give an endpoint that is back a share that grows, each from when the message reaches it", async () => {
  using time = new FakeTime();
  await using group = new GroupThreads(2, { endpoints: endpointsAt(2), slowStart: 10_000 });
  group.controller.start();
  const [first] = group.controller.endpoints;
  const parts = () => group.groups.map(({ endpoints }) => endpoints[0]!.part);
  group.controller.setAdmin(first!, "down");
  group.post.deliverAll();
  assert.deepEqual(parts(), [1, 1]);
  group.controller.setAdmin(first!, "up");
  group.post.deliverAll();
  time.stall(4000);
  assert.deepEqual([...parts(), first!.part], [0.4, 0.4, 0.4]);
  group.groups[1]!.setEndpoints(group.controller.records);
  time.stall(1000);
  assert.deepEqual(parts(), [0.5, 0.5], "a thread that hears of it later is as far");
  const picks = Array.from({ length: 30 }, () => group.groups[0]!.enter({ sourceAddress: "" }, []));
  assert.equal(picks.filter((endpoint) => endpoint === group.groups[0]!.endpoints[0]).length, 10);
  for (const endpoint of picks) if (typeof endpoint !== "string") endpoint.leave();
  time.stall(5000);
  assert.deepEqual(parts(), [1, 1]);
});

function fake(): Parameters<SlowStart["update"]>[1][number] & Changeable {
  return { isUp: true, health: "unknown", warming: undefined };
}

interface Changeable {
  isUp: boolean;
  health: "unknown" | "up" | "down";
  warming: Warming | undefined;
}
