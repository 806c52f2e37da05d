/** How a relay ends, and what still gets through when it fails. */

import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { ProxyError } from "../../../src/net/errors.ts";
import { FakeTime, settled } from "../../support/fakes/fake_time.ts";
import { BROKEN, RelayStage, RESET, SIDES, tally } from "./relay_fixture.ts";

const KILLED = new ProxyError("killed", "proxy");

for (const [one, other] of SIDES) {
  Deno.test(`Relay passes on the ${one}'s bytes and FIN, and ends when the ${other} has finished too`, async () => {
    const stage = new RelayStage();
    assert.equal(stage.relay.isHalfClosed, false);
    await stage.arrive(one, "hello", " and ", "bye", "end");
    assert.equal(stage[other].written, "hello and bye");
    assert.deepEqual([stage[other].isFinished, stage.isClosed, stage.relay.isHalfClosed], [
      true,
      false,
      true,
    ]);
    await stage.arrive(other, "answer", "end");
    assert.equal(stage[one].written, "answer");
    assert.deepEqual(await stage.outcome, { kind: "closed", first: one });
    assert.deepEqual([stage.client.closes, stage.upstream.closes, stage.watched], [1, 1, 0]);
    // Closing it is its FIN.
    assert.equal(stage[one].isFinished, false);
  });

  Deno.test(`Relay says more than FIN to the ${one} where closing does not, though it finished first`, async () => {
    const stage = new RelayStage();
    stage[one].sendsCloseNotify = true;
    await stage.arrive(one, "end");
    await stage.arrive(other, "answer", "end");
    await stage.outcome;
    assert.equal(stage[one].isFinished, true);
  });

  Deno.test(`Relay passes on what the ${other} answered before it refused the ${one}'s bytes`, async () => {
    const stage = new RelayStage();
    stage[other].breaks = BROKEN;
    await stage.arrive(one, "question");
    assert.deepEqual([stage.isClosed, stage.hasEnded], [false, false], "the answer may still come");
    await stage.arrive(other, "answer");
    assert.deepEqual([stage[one].written, stage.isClosed], ["answer", false]);
    await stage.arrive(other, "end");
    assert.deepEqual(await stage.failure(), ["broken_pipe", other]);
    assert.equal(stage.isClosed, true);
  });

  Deno.test(`Relay reads no more from the ${one} once the ${other} has failed`, async () => {
    const stage = new RelayStage();
    stage[other].holds = true;
    await stage.arrive(one, "under way");
    await stage.arrive(other, RESET);
    assert.deepEqual([stage.isClosed, stage.hasEnded], [false, false], "a write is under way");
    await stage.arrive(one, "too late");
    const { reads } = stage[one];
    stage[other].release();
    await setImmediate();
    assert.deepEqual([stage.isClosed, stage.hasEnded, stage[one].reads], [true, true, reads], "at once");
    assert.deepEqual(await stage.failure(), ["connection_reset", other]);
    assert.deepEqual([stage[other].written, stage.isClosed], ["under way", true]);
  });

  Deno.test(`Relay lets a write to the ${one} finish when the time is over, then closes at once`, async () => {
    const stage = new RelayStage();
    stage[one].holds = true;
    await stage.arrive(other, "late");
    stage.relay.expire();
    await setImmediate();
    assert.deepEqual([stage.isClosed, stage.hasEnded, stage.watched], [false, false, 1]);
    stage[one].release();
    await setImmediate();
    assert.deepEqual([stage.isClosed, stage.hasEnded], [true, true]);
    assert.deepEqual(await stage.failure(), ["idle_timeout", "proxy"]);
    assert.deepEqual([stage[one].written, stage.isClosed, stage.watched], ["late", true, 0]);
  });

  Deno.test(`Relay gives a write to the ${one} a second after a failure`, async () => {
    using time = new FakeTime();
    const stage = new RelayStage();
    stage[one].holds = true;
    stage[other].arrive("never taken");
    await settled();
    stage.relay.expire();
    await time.advance(990);
    assert.equal(stage.isClosed, false);
    await time.advance(10);
    assert.equal(stage.isClosed, true);
    assert.deepEqual(await stage.failure(), ["idle_timeout", "proxy"]);
  });

  Deno.test(`Relay.abort() ends it at once, whatever is under way to the ${one}`, async () => {
    const stage = new RelayStage();
    stage[one].holds = true;
    await stage.arrive(other, "never taken");
    stage.relay.abort(KILLED);
    assert.equal(stage.isClosed, true);
    assert.deepEqual(await stage.failure(), ["killed", "proxy"]);
    stage.relay.onFailure(new ProxyError("idle_timeout", "proxy"));
    assert.deepEqual([stage.client.closes, stage.upstream.closes], [1, 1]);
  });

  for (const reset of ["close", "pass"] as const) {
    Deno.test(`Relay passes a reset by the ${one} on with reset: ${reset}`, async () => {
      const stage = new RelayStage({ reset });
      await stage.arrive(one, RESET);
      assert.deepEqual(await stage.failure(), ["connection_reset", one]);
      assert.deepEqual([stage[one].isReset, stage[other].isReset], [false, reset === "pass"]);
      assert.equal(stage.isClosed, true);
    });
  }

  Deno.test(`Relay resets nobody over a failure of the ${one} that is no reset`, async () => {
    const stage = new RelayStage({ reset: "pass" });
    await stage.arrive(one, new Deno.errors.TimedOut("timed out"));
    assert.deepEqual(await stage.failure(), ["timed_out", one]);
    assert.deepEqual([stage.client.isReset, stage.upstream.isReset], [false, false]);
  });

  Deno.test(`Relay does not reset the ${other}, which has its FIN, when the ${one} then resets`, async () => {
    const stage = new RelayStage({ reset: "pass" });
    await stage.arrive(one, "all of it", "end");
    stage[one].breaks = RESET;
    await stage.arrive(other, "answer");
    await stage.arrive(other, "end");
    assert.deepEqual(await stage.failure(), ["connection_reset", one]);
    assert.deepEqual([stage.client.isReset, stage.upstream.isReset], [false, false]);
  });

  Deno.test(`Relay fails when the ${other} does not take the FIN of the ${one}`, async () => {
    const stage = new RelayStage();
    stage[other].closeWrite = () => Promise.reject(new Deno.errors.TimedOut("timed out"));
    await stage.arrive(one, "end");
    await stage.arrive(other, "end");
    assert.deepEqual(await stage.failure(), ["timed_out", other]);
  });
}

Deno.test("Relay.abort() ends the wait for a rate, in both directions", async () => {
  using time = new FakeTime();
  for (const rates of [{ upload: 1, download: 0 }, { upload: 0, download: 1 }]) {
    const stage = new RelayStage({ rates });
    stage.client.arrive("slow");
    stage.upstream.arrive("slow");
    await time.advance(100);
    stage.relay.abort(KILLED);
    await settled();
    assert.equal(stage.hasEnded, true);
  }
});

Deno.test("the first failure of a relay stays its reason", async () => {
  const stage = new RelayStage();
  stage.client.holds = true;
  await stage.arrive("upstream", "under way");
  stage.relay.expire();
  stage.relay.onFailure(KILLED);
  stage.relay.abort(KILLED);
  assert.equal(stage.isClosed, true);
  assert.deepEqual(await stage.failure(), ["idle_timeout", "proxy"]);
});

Deno.test("a relay of which nothing is under way closes as soon as its time is over", async () => {
  const stage = new RelayStage();
  await stage.arrive("client", "question");
  stage.relay.expire();
  assert.equal(stage.isClosed, true);
  assert.deepEqual(await stage.failure(), ["idle_timeout", "proxy"]);

  const half = new RelayStage();
  await half.arrive("client", "end");
  half.relay.expire();
  assert.deepEqual(await half.failure(), ["half_close_timeout", "proxy"]);
});

Deno.test("Relay counts reads that brought bytes, and the bytes of each side", async () => {
  const [fromClient, fromUpstream] = [tally(), tally()];
  const stage = new RelayStage({ fromClient, fromUpstream });
  await stage.arrive("client", "four");
  await stage.arrive("upstream", "seven77", "three");
  assert.equal(stage.relay.activity, 3);
  await stage.arrive("client", "end");
  assert.equal(stage.relay.activity, 3);
  assert.deepEqual([fromClient.bytes, fromUpstream.bytes], [4, 12]);
  stage.relay.abort(KILLED);
  await stage.outcome;
});
