import assert from "node:assert/strict";
import { FakeTime } from "../../../support/fakes/fake_time.ts";
import { emptyEndpoints, endIdle, endSome } from "../../../../src/upstream/ending/end_some.ts";
import { FakeRelays, GROUP } from "./relays.ts";

const ALL = { of: undefined, age: 0, idle: 0, limit: Infinity };

Deno.test("endSome() ends the first of all threads together", async () => {
  using time = new FakeTime();
  const relays = new FakeRelays(2);
  const opened = [];
  for (let index = 0; index < 6; index++) {
    opened.push(relays.open("a", index % 2));
    await time.advance(10);
  }
  const { signal } = new AbortController();
  await relays.endable(ALL);
  await time.advance(1000);
  for (const index of [0, 1, 3]) opened[index]!.activity += 1;
  assert.equal(await endSome(relays, { ...ALL, limit: 4 }, "failback", signal), 4);
  assert.deepEqual(opened.map(({ ended }) => ended !== undefined), [true, false, true, false, true, true]);
  assert.equal(await endSome(relays, { ...ALL, limit: 0 }, "failback", signal), 0);
  assert.equal(await endSome(relays, ALL, "failback", AbortSignal.abort()), 0);
  assert.equal(relays.activeAt("a"), 2);
});

Deno.test("emptyEndpoints() ends connections evenly over the time, and none that came later", async () => {
  using time = new FakeTime();
  const relays = new FakeRelays(2);
  for (let index = 0; index < 10; index++) relays.open("a", index % 2);
  relays.open("b");
  const kept = relays.open("c");
  await time.advance(10);
  const options = { group: GROUP, endpoints: endpointsOf(relays, "a", "b"), code: "failback" as const };
  const emptied = emptyEndpoints(relays, {
    ...options,
    spread: 10_000,
    settle: 2000,
    signal: new AbortController().signal,
  });
  const left: number[] = [];
  for (let second = 0; second < 10; second++) {
    await time.advance(1000);
    left.push(relays.activeAt("a"));
  }
  assert.deepEqual(
    left.map((count, second) => Math.abs(count - (9 - second)) <= 1),
    Array(10).fill(true),
    `${left}`,
  );
  const late = relays.open("a");
  await time.advance(1000);
  assert.deepEqual([relays.activeAt("a"), relays.activeAt("b")], [1, 0]);
  await time.advance(2000);
  assert.equal(await emptied, 11);
  assert.deepEqual([late.ended, kept.ended], [undefined, undefined]);
});

Deno.test("emptyEndpoints() at once also ends those that were connecting, and stops when its signal aborts", async () => {
  using time = new FakeTime();
  const relays = new FakeRelays();
  const first = relays.open("a");
  const connecting = relays.connecting("a");
  await time.advance(10);
  const aborting = new AbortController();
  const emptied = emptyEndpoints(relays, {
    group: GROUP,
    endpoints: endpointsOf(relays, "a"),
    code: "failback",
    spread: 0,
    settle: 60_000,
    signal: aborting.signal,
  });
  await time.advance(10);
  assert.equal(first.ended, "failback");
  let ended = 0;
  connecting.relay = {
    activity: 0,
    isBusy: true,
    close() {
      ended += 1;
      connecting[Symbol.dispose]();
    },
  };
  await time.advance(1000);
  assert.equal(ended, 1);
  aborting.abort();
  assert.equal(await emptied, 2);
});

Deno.test("endIdle() ends connections once they are idle for long enough, and goes on until it is aborted", async () => {
  using time = new FakeTime();
  const relays = new FakeRelays(2);
  const [quiet, busy] = [relays.open("a"), relays.open("a", 1)];
  const elsewhere = relays.open("b");
  const aborting = new AbortController();
  let scopes = [{ group: GROUP, endpoint: "a" }];
  const ending = endIdle(relays, () => scopes, 2000, aborting.signal);
  for (let tenth = 0; tenth < 19; tenth++) {
    await time.advance(100);
    busy.activity += 1;
  }
  assert.deepEqual([quiet.ended, busy.ended], [undefined, undefined]);
  await time.advance(700);
  assert.deepEqual([quiet.ended, busy.ended], ["drain_idle", undefined]);
  await time.advance(2500);
  assert.deepEqual([busy.ended, elsewhere.ended], ["drain_idle", undefined]);
  scopes = [{ group: GROUP, endpoint: "b" }];
  await time.advance(3000);
  assert.equal(elsewhere.ended, "drain_idle");
  aborting.abort();
  await ending;
});

function endpointsOf(relays: FakeRelays, ...keys: string[]) {
  return keys.map((key) => ({
    key,
    get active() {
      return relays.activeAt(key);
    },
  }));
}
