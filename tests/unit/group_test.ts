import assert from "node:assert/strict";
import { ProxyError } from "../../src/net/errors.ts";
import { type Log, silentLog } from "../../src/observe/log.ts";
import { endpointsAt, KeptGroup } from "./upstream_parts.ts";

const REFUSED = new ProxyError("connection_refused", "upstream");

Deno.test("a group says that no endpoint is up each time it is so, and that one is up again", async () => {
  const logged: unknown[] = [];
  const note: Log["info"] = (_message, fields) => void logged.push(fields?.["event"]);
  const log: Log = { ...silentLog(), info: note, warn: note, error: note };
  await using stage = new KeptGroup({ passive: { failures: 1, window: 1000, eject: 20 } }, log);
  const { group } = stage;
  const [only] = group.endpoints;
  for (let round = 1; round <= 2; round++) {
    group.connectionFailed(only!, REFUSED);
    assert.equal(only!.isUp, false);
    assert.deepEqual(logged.splice(0), ["endpoint_ejected", "group_down"]);
    group.connected(only!, 1);
    assert.deepEqual(logged.splice(0), [], "it is used although it is out");
    const { state, reason } = await stage.nextEvent();
    assert.deepEqual([state, reason, only!.isUp], ["unknown", "taken in again", true]);
    assert.deepEqual(logged.splice(0), ["group_up"]);
    group.connected(only!, 1);
    assert.deepEqual(logged.splice(0), [], "it is said once");
  }
});

Deno.test("while none is up, all are used; a second failure cuts nobody's connection", async () => {
  await using stage = new KeptGroup({
    passive: { failures: 1, window: 1000, eject: 1_000_000 },
    onDown: "close",
  });
  const { group } = stage;
  const [only] = stage.endpoints;
  stage.foundDown(only!);
  assert.equal(group.enter("192.0.2.9", []), only!.used);
  let aborted = 0;
  only!.used.whenDown(() => void (aborted += 1));
  group.connectionFailed(only!.used, REFUSED);
  assert.deepEqual([only!.kept.condition, aborted], ["ejected", 0]);
  only!.used.leave();
});

Deno.test("an endpoint that was tried, or is full, is not entered, up or not", async () => {
  await using stage = new KeptGroup({ endpoints: endpointsAt(1, 1) });
  const { group } = stage;
  const [only] = group.endpoints;
  assert.equal(group.enter("192.0.2.9", [only!]), undefined);
  assert.equal(group.enter("192.0.2.9", []), only);
  assert.equal(group.enter("192.0.2.9", []), undefined, "full");
  only!.leave();
  stage.foundDown(stage.endpoints[0]!);
  assert.equal(only!.isUp, false);
  assert.equal(group.enter("192.0.2.9", [only!]), undefined);
});

Deno.test("who comes to an endpoint that was given back is let in, and counted by nobody", async () => {
  await using stage = new KeptGroup({ endpoints: endpointsAt(1, 1) });
  const { group, memory } = stage;
  const [only] = group.endpoints;
  assert.equal(group.enter("192.0.2.9", []), only);
  assert.equal(group.enter("192.0.2.9", []), undefined, "full");
  // As when a service is removed: the thread has yet to hear of it, or has and still lets in who was on the way.
  await stage.keeper.stop();
  only!.leave();
  assert.equal(only!.active, 0);
  for (let client = 0; client < 3; client++) assert.equal(group.enter("192.0.2.9", []), only);
  const place = only!.places.take();
  assert.ok(place !== undefined, "connections are no longer limited either");
  place[Symbol.dispose]();
  const others = Array.from({ length: memory.gauges.capacity }, () => memory.gauges.claim());
  assert.ok(others.every((gauge) => gauge?.value === 0), "the slots are free, for others");
  for (let client = 0; client < 3; client++) only!.leave();
  assert.ok(others.every((gauge) => gauge?.value === 0));
});

Deno.test("who was counted before an endpoint was given back leaves its slot to others, whoever leaves first", async () => {
  await using stage = new KeptGroup();
  const { group, memory } = stage;
  const [only] = group.endpoints;
  group.enter("192.0.2.9", []);
  await stage.keeper.stop();
  group.retire();
  assert.equal(group.enter("192.0.2.9", []), only, "it is still there for who was on the way");
  only!.leave();
  only!.leave();
  assert.throws(() => only!.leave(), RangeError, "nobody is left");
  const others = Array.from({ length: memory.gauges.capacity }, () => memory.gauges.claim());
  assert.ok(others.every((gauge) => gauge !== undefined));
});
