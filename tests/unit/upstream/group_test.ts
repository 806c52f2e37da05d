import assert from "node:assert/strict";
import { ProxyError } from "../../../src/net/errors.ts";
import { type Log, silentLog } from "../../../src/observe/log/log.ts";
import type { Endpoint } from "../../../src/upstream/endpoint.ts";
import { FakeTime } from "../../support/fakes/fake_time.ts";
import { CHECK, ControlledGroup, endpointsAt, groupConfig } from "../../support/fakes/upstream_parts.ts";

const NEVER = new AbortController().signal;
const REFUSED = new ProxyError("connection_refused", "upstream");

Deno.test("Group reports each time that no endpoint is up, and that one is up again", async () => {
  const logged: unknown[] = [];
  const note: Log["info"] = (_message, fields) => void logged.push(fields?.["event"]);
  const log: Log = { ...silentLog(), info: note, warn: note, error: note };
  await using fixture = new ControlledGroup({ passive: { failures: 1, window: 1000, eject: 250 } }, log);
  const { group } = fixture;
  const [only] = group.endpoints;
  for (let round = 1; round <= 2; round++) {
    group.connectionFailed(only!, REFUSED);
    assert.equal(only!.isUp, false);
    assert.deepEqual(logged.splice(0), ["endpoint_ejected", "group_down"]);
    group.connected(only!, 1);
    assert.deepEqual(logged.splice(0), [], "it is used although it is out");
    const { state, reason } = await fixture.nextEvent();
    assert.deepEqual([state, reason, only!.isUp], ["unknown", "ejection over", true]);
    assert.deepEqual(logged.splice(0), ["group_up"]);
    group.connected(only!, 1);
    assert.deepEqual(logged.splice(0), [], "it is said once");
  }
});

Deno.test("Group uses all endpoints in panic mode, and a second failure ends no connection", async () => {
  await using fixture = new ControlledGroup({
    passive: { failures: 1, window: 1000, eject: 1_000_000 },
    onDown: "close",
  });
  const { group } = fixture;
  const [only] = fixture.endpoints;
  fixture.foundDown(only!);
  assert.equal(group.enter({ sourceAddress: "192.0.2.9" }, []), only!.used);
  let aborted = 0;
  only!.used.whenDown({ abort: () => void (aborted += 1) });
  group.connectionFailed(only!.used, REFUSED);
  assert.deepEqual([only!.control.condition, aborted], ["ejected", 0]);
  only!.used.leave();
});

Deno.test("Group enters no endpoint that was tried or is full, up or not", async () => {
  await using fixture = new ControlledGroup({ endpoints: endpointsAt(1, 1) });
  const { group } = fixture;
  const [only] = group.endpoints;
  assert.equal(typeof group.enter({ sourceAddress: "192.0.2.9" }, [only!]), "string");
  assert.equal(group.enter({ sourceAddress: "192.0.2.9" }, []), only);
  assert.equal(group.enter({ sourceAddress: "192.0.2.9" }, []), "full");
  only!.leave();
  fixture.foundDown(fixture.endpoints[0]!);
  assert.equal(only!.isUp, false);
  assert.equal(typeof group.enter({ sourceAddress: "192.0.2.9" }, [only!]), "string");
});

Deno.test("Group sends no client to a down endpoint while up ones are full or tried", async () => {
  await using fixture = new ControlledGroup({ endpoints: endpointsAt(3, 1) });
  const { group } = fixture;
  const [one, two, down] = fixture.endpoints;
  fixture.foundDown(down!);
  assert.equal(group.enter({ sourceAddress: "" }, []), one!.used);
  assert.equal(group.enter({ sourceAddress: "" }, []), two!.used);
  assert.equal(group.enter({ sourceAddress: "" }, []), "full");
  two!.used.leave();
  assert.equal(group.enter({ sourceAddress: "" }, [two!.used]), "full");
  assert.equal(typeof group.enter({ sourceAddress: "" }, [one!.used, two!.used]), "string");
  one!.used.leave();
  assert.equal(typeof group.enter({ sourceAddress: "" }, [one!.used, two!.used]), "string");
});

Deno.test("Group sends no client to an unchecked endpoint while one is up, full or not", async () => {
  await using fixture = new ControlledGroup({ endpoints: endpointsAt(3, 2), healthCheck: CHECK });
  const { group } = fixture;
  const [one, two, three] = fixture.endpoints;
  const enter = (...tried: Endpoint[]) => group.enter({ sourceAddress: "" }, tried);
  assert.deepEqual([enter(), enter(), enter()], [one!.used, two!.used, three!.used], "nothing is known yet");
  for (const { used } of [one!, two!, three!]) used.leave();
  fixture.found(two!, "up");
  assert.deepEqual([enter(), enter(), enter()], [two!.used, two!.used, "full"]);
  fixture.found(one!, "down");
  assert.equal(enter(), "full");
  assert.equal(enter(two!.used), three!.used, "what could not be reached is not usable");
  three!.used.leave();
  fixture.found(two!, "down");
  assert.equal(enter(), three!.used, "rather than those of which is known that they are down");
  fixture.found(three!, "up");
  assert.equal(enter(), three!.used);
  assert.equal(enter(), "full");
});

Deno.test("Group lets clients wait for the first results if it has several endpoints, no longer than needed", async () => {
  await using several = new ControlledGroup({ endpoints: endpointsAt(2), healthCheck: CHECK });
  const [one, two] = several.endpoints;
  assert.equal(several.group.isSettled, false);
  let isOver = false;
  const settled = several.group.settled(NEVER).then(() => isOver = true);
  several.found(one!, "down");
  await turn();
  assert.deepEqual([several.group.isSettled, isOver], [false, false]);
  several.found(two!, "up");
  await settled;
  assert.equal(several.group.isSettled, true);
  several.found(two!, "down");
  assert.equal(several.group.isSettled, true, "all have been checked");
  several.controller.update(groupConfig({ endpoints: endpointsAt(3), healthCheck: CHECK }));
  assert.equal(several.group.isSettled, false, "none is up, and there is one more");
  await using alone = new ControlledGroup({ healthCheck: CHECK });
  assert.equal(alone.group.isSettled, true, "there is no choice");
  await using unchecked = new ControlledGroup({ endpoints: endpointsAt(2) });
  assert.equal(unchecked.group.isSettled, true, "nothing is to come");
  await using drained = new ControlledGroup({ endpoints: endpointsAt(2), healthCheck: CHECK });
  drained.controller.setAdmin(drained.endpoints[0]!.control, "drain");
  drained.found(drained.endpoints[1]!, "down");
  assert.equal(drained.group.isSettled, true, "the other is not to be used whatever its check says");
});

Deno.test("Group gives the other endpoints a moment for their first results once one is up", async () => {
  using time = new FakeTime();
  await using fixture = new ControlledGroup({ endpoints: endpointsAt(3), healthCheck: CHECK });
  const { group } = fixture;
  const [one, two, three] = fixture.endpoints;
  fixture.found(one!, "up");
  assert.equal(group.isSettled, false);
  let isOver = false;
  void group.settled(NEVER).then(() => isOver = true);
  await time.advance(90);
  assert.deepEqual([group.isSettled, isOver], [false, false]);
  await time.advance(10);
  assert.deepEqual([group.isSettled, isOver], [true, true]);
  fixture.found(two!, "up");
  fixture.found(three!, "up");
  // As after a reload that adds another one.
  fixture.controller.update(groupConfig({ endpoints: endpointsAt(4), healthCheck: CHECK }));
  assert.equal(group.isSettled, true);

  await using quick = new ControlledGroup({ endpoints: endpointsAt(2), healthCheck: CHECK });
  for (const each of quick.endpoints) quick.found(each, "up");
  assert.equal(quick.group.isSettled, true);
  quick.controller.update(groupConfig({ endpoints: endpointsAt(3), healthCheck: CHECK }));
  assert.equal(quick.group.isSettled, true, "no client waits for the one that a reload adds");
  // Had none been up, it could be the only one.
  for (const each of quick.endpoints.slice(0, 2)) quick.found(each, "down");
  assert.equal(quick.group.isSettled, false);
  quick.found(quick.endpoints[0]!, "up");
  assert.equal(quick.group.isSettled, false);
  await time.advance(100);
  assert.equal(quick.group.isSettled, true);
});

for (const onDown of ["close", "keep"] as const) {
  Deno.test(`clients of a down endpoint that came while none was up, with on_down: ${onDown}`, async () => {
    await using fixture = new ControlledGroup({ endpoints: endpointsAt(3), healthCheck: CHECK, onDown });
    const { group } = fixture;
    const [one, two, three] = fixture.endpoints;
    for (const each of fixture.endpoints) fixture.found(each, "down");
    const ended: string[] = [];
    for (const [name, { used }] of [["one", one!], ["two", two!]] as const) {
      assert.equal(group.keeps(used), true);
      used.whenDown({ abort: ({ code }) => ended.push(`${name} ${code}`) });
    }
    fixture.controller.setAdmin(three!.control, "drain");
    assert.deepEqual(ended, [], "there is nothing better");
    fixture.found(one!, "up");
    assert.deepEqual(ended, onDown === "close" ? ["two endpoint_down"] : []);
    // One more, whose dial was pending.
    assert.equal(group.keeps(two!.used), onDown === "keep");
    assert.equal(group.keeps(one!.used), true);
  });
}

Deno.test("Group closes connections of an ejected endpoint when another returns or on_down becomes close", async () => {
  await using fixture = new ControlledGroup({
    endpoints: endpointsAt(2),
    passive: { failures: 1, window: 1, eject: 1e6 },
  });
  const { group, controller } = fixture;
  const [one, two] = fixture.endpoints;
  controller.setAdmin(two!.control, "drain");
  group.connectionFailed(one!.used, REFUSED);
  let ended = 0;
  one!.used.whenDown({ abort: () => ended += 1 });
  controller.setAdmin(two!.control, "up");
  assert.equal(ended, 0, "on_down is keep");
  group.config = { ...group.config, onDown: "close" };
  assert.equal(ended, 1);
});

Deno.test("Group counts an endpoint that another thread has just filled as full, even if it has room again", async () => {
  await using fixture = new ControlledGroup({ endpoints: endpointsAt(2, 1) });
  const { group } = fixture;
  const [one, two] = group.endpoints;
  const full = (endpoint: Endpoint) =>
    Object.assign(endpoint, { enter: () => false }) &&
    Object.defineProperty(endpoint, "isFull", { value: false });
  full(one!);
  assert.equal(group.enter({ sourceAddress: "" }, []), two);
  full(two!);
  two!.leave();
  assert.equal(group.enter({ sourceAddress: "" }, []), "full");
});

Deno.test("Group admits connections to a released endpoint without counting them", async () => {
  await using fixture = new ControlledGroup({ endpoints: endpointsAt(1, 1) });
  const { group, memory } = fixture;
  const [only] = group.endpoints;
  assert.equal(group.enter({ sourceAddress: "192.0.2.9" }, []), only);
  assert.equal(group.enter({ sourceAddress: "192.0.2.9" }, []), "full");
  // As when a service is removed: the thread does not know it yet, or knows it and still serves clients that are
  // connecting.
  await fixture.controller.stop();
  only!.leave();
  assert.equal(only!.active, 0);
  for (let client = 0; client < 3; client++) {
    assert.equal(group.enter({ sourceAddress: "192.0.2.9" }, []), only);
  }
  const place = only!.permits.tryAcquire();
  assert.ok(place !== undefined, "connections are no longer limited either");
  place[Symbol.dispose]();
  const others = Array.from({ length: memory.gauges.capacity }, () => memory.gauges.claim());
  assert.ok(others.every((gauge) => gauge?.value === 0), "the slots are free, for others");
  for (let client = 0; client < 3; client++) only!.leave();
  assert.ok(others.every((gauge) => gauge?.value === 0));
});

Deno.test("Group frees the slots of a released endpoint in any order of leaving", async () => {
  await using fixture = new ControlledGroup();
  const { group, memory } = fixture;
  const [only] = group.endpoints;
  group.enter({ sourceAddress: "192.0.2.9" }, []);
  await fixture.controller.stop();
  group.retire();
  assert.equal(
    group.enter({ sourceAddress: "192.0.2.9" }, []),
    only,
    "it is still there for a client on its way",
  );
  only!.leave();
  only!.leave();
  assert.throws(() => only!.leave(), RangeError, "no client is left");
  const others = Array.from({ length: memory.gauges.capacity }, () => memory.gauges.claim());
  assert.ok(others.every((gauge) => gauge !== undefined));
});

/** Runs everything that is due. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}
