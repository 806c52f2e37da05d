import assert from "node:assert/strict";
import { FakeTime } from "../../../support/fakes/fake_time.ts";
import { FakeRelays, GROUP } from "./relays.ts";

const ALL = { of: undefined, age: 0, idle: 0, limit: Infinity };

Deno.test("ConnectionEnder finds the connections of an endpoint, the longest idle first, then the oldest", async () => {
  using time = new FakeTime();
  const relays = new FakeRelays();
  const ids = async (limit = Infinity) =>
    (await relays.endable({ ...ALL, of: { group: GROUP, endpoint: "a" }, limit })).flat().map(({ id }) => id);
  const [one, other] = [relays.open("a"), relays.open("b")];
  await time.advance(500);
  const [two, three] = [relays.open("a"), relays.open("a")];
  assert.deepEqual(
    await ids(),
    [one.id, two.id, three.id],
    "nothing is known of them, so the oldest comes first",
  );
  await time.advance(500);
  one.activity += 1;
  two.isBusy = true;
  assert.deepEqual(await ids(), [three.id, one.id, two.id]);
  await time.advance(500);
  two.isBusy = false;
  two.activity += 1;
  assert.deepEqual(await ids(), [three.id, one.id, two.id]);
  assert.deepEqual(await ids(2), [three.id, one.id]);
  assert.equal((await relays.endable(ALL)).flat().length, 4);
  assert.equal(other.ended, undefined);
});

Deno.test("ConnectionEnder finds those that are old and idle enough, and none that is still connecting", async () => {
  using time = new FakeTime();
  const relays = new FakeRelays();
  const connecting = relays.connecting("a");
  const old = relays.open("a");
  await time.advance(1000);
  const young = relays.open("a");
  const ids = async (query: { age?: number; idle?: number }) =>
    (await relays.endable({ ...ALL, ...query })).flat().map(({ id }) => id);
  assert.deepEqual(await ids({ age: 1000 }), [old.id]);
  assert.deepEqual(await ids({ idle: 10 }), [], "both were seen for the first time");
  await time.advance(200);
  old.activity += 1;
  assert.deepEqual(await ids({ idle: 200 }), [young.id]);
  await time.advance(200);
  assert.deepEqual(await ids({ idle: 201 }), [young.id]);
  assert.deepEqual(await ids({ idle: 200 }), [young.id, old.id]);
  connecting[Symbol.dispose]();
});

Deno.test("ConnectionEnder ends those that are asked for, unless a byte has come meanwhile", async () => {
  using time = new FakeTime();
  const relays = new FakeRelays();
  const [idle, woken, busy, other] = ["a", "a", "a", "a"].map((endpoint) => relays.open(endpoint));
  await relays.endable(ALL);
  await time.advance(1000);
  assert.equal((await relays.endable({ ...ALL, idle: 1000 })).flat().length, 4);
  woken!.activity += 1;
  busy!.isBusy = true;
  const ids = [idle, woken, busy].map((relay) => relay!.id);
  assert.deepEqual(await relays.endConnections([...ids, 4711], "drain_idle", 1000), [1]);
  assert.deepEqual([idle, woken, busy, other].map((relay) => relay!.ended), [
    "drain_idle",
    undefined,
    undefined,
    undefined,
  ]);
  assert.deepEqual(await relays.endConnections(ids, "failback", 0), [2], "whatever they are doing");
  assert.deepEqual([woken!.ended, busy!.ended, other!.ended], ["failback", "failback", undefined]);
});
