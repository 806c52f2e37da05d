/** How a relay ends, and which bytes it still delivers when it fails. */

import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { ProxyError } from "../../../src/net/errors.ts";
import { FakeTime, settled } from "../../support/fakes/fake_time.ts";
import { BROKEN, RelayFixture, RESET, SIDES, tally } from "./relay_fixture.ts";

const KILLED = new ProxyError("killed", "proxy");

for (const [one, other] of SIDES) {
  Deno.test(`Relay passes on the ${one}'s bytes and FIN, and ends when the ${other} has finished too`, async () => {
    const fixture = new RelayFixture();
    assert.equal(fixture.relay.isHalfClosed, false);
    await fixture.arrive(one, "hello", " and ", "bye", "end");
    assert.equal(fixture[other].written, "hello and bye");
    assert.deepEqual([fixture[other].isFinished, fixture.isClosed, fixture.relay.isHalfClosed], [
      true,
      false,
      true,
    ]);
    await fixture.arrive(other, "answer", "end");
    assert.equal(fixture[one].written, "answer");
    assert.deepEqual(await fixture.outcome, { kind: "closed", first: one });
    assert.deepEqual([fixture.client.closes, fixture.upstream.closes, fixture.watched], [1, 1, 0]);
    // Closing it sends its FIN.
    assert.equal(fixture[one].isFinished, false);
  });

  Deno.test(`Relay ends sending to the ${one} with close_notify, although it finished first`, async () => {
    const fixture = new RelayFixture();
    fixture[one].sendsCloseNotify = true;
    await fixture.arrive(one, "end");
    await fixture.arrive(other, "answer", "end");
    await fixture.outcome;
    assert.equal(fixture[one].isFinished, true);
  });

  Deno.test(`Relay passes on the answer of the ${other} from before it refused the ${one}'s bytes`, async () => {
    const fixture = new RelayFixture();
    fixture[other].breaks = BROKEN;
    await fixture.arrive(one, "question");
    assert.deepEqual([fixture.isClosed, fixture.hasEnded], [false, false], "the answer may still come");
    await fixture.arrive(other, "answer");
    assert.deepEqual([fixture[one].written, fixture.isClosed], ["answer", false]);
    await fixture.arrive(other, "end");
    assert.deepEqual(await fixture.failure(), ["broken_pipe", other]);
    assert.equal(fixture.isClosed, true);
  });

  Deno.test(`Relay reads no more from the ${one} once the ${other} has failed`, async () => {
    const fixture = new RelayFixture();
    fixture[other].holds = true;
    await fixture.arrive(one, "under way");
    await fixture.arrive(other, RESET);
    assert.deepEqual([fixture.isClosed, fixture.hasEnded], [false, false], "a write is under way");
    await fixture.arrive(one, "too late");
    const { reads } = fixture[one];
    fixture[other].release();
    await setImmediate();
    assert.deepEqual(
      [fixture.isClosed, fixture.hasEnded, fixture[one].reads],
      [true, true, reads],
      "at once",
    );
    assert.deepEqual(await fixture.failure(), ["connection_reset", other]);
    assert.deepEqual([fixture[other].written, fixture.isClosed], ["under way", true]);
  });

  Deno.test(`Relay lets a write to the ${one} finish when the time is over, then closes at once`, async () => {
    const fixture = new RelayFixture();
    fixture[one].holds = true;
    await fixture.arrive(other, "late");
    fixture.relay.expire();
    await setImmediate();
    assert.deepEqual([fixture.isClosed, fixture.hasEnded, fixture.watched], [false, false, 1]);
    fixture[one].release();
    await setImmediate();
    assert.deepEqual([fixture.isClosed, fixture.hasEnded], [true, true]);
    assert.deepEqual(await fixture.failure(), ["idle_timeout", "proxy"]);
    assert.deepEqual([fixture[one].written, fixture.isClosed, fixture.watched], ["late", true, 0]);
  });

  Deno.test(`Relay gives a write to the ${one} a second after a failure`, async () => {
    using time = new FakeTime();
    const fixture = new RelayFixture();
    fixture[one].holds = true;
    fixture[other].arrive("never taken");
    await settled();
    fixture.relay.expire();
    await time.advance(990);
    assert.equal(fixture.isClosed, false);
    await time.advance(10);
    assert.equal(fixture.isClosed, true);
    assert.deepEqual(await fixture.failure(), ["idle_timeout", "proxy"]);
  });

  Deno.test(`Relay.abort() ends it at once, whatever is under way to the ${one}`, async () => {
    const fixture = new RelayFixture();
    fixture[one].holds = true;
    await fixture.arrive(other, "never taken");
    fixture.relay.abort(KILLED);
    assert.equal(fixture.isClosed, true);
    assert.deepEqual(await fixture.failure(), ["killed", "proxy"]);
    fixture.relay.onFailure(new ProxyError("idle_timeout", "proxy"));
    assert.deepEqual([fixture.client.closes, fixture.upstream.closes], [1, 1]);
  });

  for (const reset of ["close", "pass"] as const) {
    Deno.test(`Relay passes a reset by the ${one} on with reset: ${reset}`, async () => {
      const fixture = new RelayFixture({ reset });
      await fixture.arrive(one, RESET);
      assert.deepEqual(await fixture.failure(), ["connection_reset", one]);
      assert.deepEqual([fixture[one].isReset, fixture[other].isReset], [false, reset === "pass"]);
      assert.equal(fixture.isClosed, true);
    });
  }

  Deno.test(`Relay resets no side for a failure of the ${one} that is not a reset`, async () => {
    const fixture = new RelayFixture({ reset: "pass" });
    await fixture.arrive(one, new Deno.errors.TimedOut("timed out"));
    assert.deepEqual(await fixture.failure(), ["timed_out", one]);
    assert.deepEqual([fixture.client.isReset, fixture.upstream.isReset], [false, false]);
  });

  Deno.test(`Relay does not reset the ${other}, which has its FIN, when the ${one} then resets`, async () => {
    const fixture = new RelayFixture({ reset: "pass" });
    await fixture.arrive(one, "all of it", "end");
    fixture[one].breaks = RESET;
    await fixture.arrive(other, "answer");
    await fixture.arrive(other, "end");
    assert.deepEqual(await fixture.failure(), ["connection_reset", one]);
    assert.deepEqual([fixture.client.isReset, fixture.upstream.isReset], [false, false]);
  });

  Deno.test(`Relay fails when the ${other} does not take the FIN of the ${one}`, async () => {
    const fixture = new RelayFixture();
    fixture[other].closeWrite = () => Promise.reject(new Deno.errors.TimedOut("timed out"));
    await fixture.arrive(one, "end");
    await fixture.arrive(other, "end");
    assert.deepEqual(await fixture.failure(), ["timed_out", other]);
  });
}

Deno.test("Relay.abort() ends the wait for a rate, in both directions", async () => {
  using time = new FakeTime();
  for (const rates of [{ upload: 1, download: 0 }, { upload: 0, download: 1 }]) {
    const fixture = new RelayFixture({ rates });
    fixture.client.arrive("slow");
    fixture.upstream.arrive("slow");
    await time.advance(100);
    fixture.relay.abort(KILLED);
    await settled();
    assert.equal(fixture.hasEnded, true);
  }
});

Deno.test("Relay keeps the reason of its first failure", async () => {
  const fixture = new RelayFixture();
  fixture.client.holds = true;
  await fixture.arrive("upstream", "under way");
  fixture.relay.expire();
  fixture.relay.onFailure(KILLED);
  fixture.relay.abort(KILLED);
  assert.equal(fixture.isClosed, true);
  assert.deepEqual(await fixture.failure(), ["idle_timeout", "proxy"]);
});

Deno.test("Relay without pending writes closes as soon as its time is over", async () => {
  const fixture = new RelayFixture();
  await fixture.arrive("client", "question");
  fixture.relay.expire();
  assert.equal(fixture.isClosed, true);
  assert.deepEqual(await fixture.failure(), ["idle_timeout", "proxy"]);

  const half = new RelayFixture();
  await half.arrive("client", "end");
  half.relay.expire();
  assert.deepEqual(await half.failure(), ["half_close_timeout", "proxy"]);
});

Deno.test("Relay counts reads that brought bytes, and the bytes of each side", async () => {
  const [fromClient, fromUpstream] = [tally(), tally()];
  const fixture = new RelayFixture({ fromClient, fromUpstream });
  await fixture.arrive("client", "four");
  await fixture.arrive("upstream", "seven77", "three");
  assert.equal(fixture.relay.activity, 3);
  await fixture.arrive("client", "end");
  assert.equal(fixture.relay.activity, 3);
  assert.deepEqual([fromClient.bytes, fromUpstream.bytes], [4, 12]);
  fixture.relay.abort(KILLED);
  await fixture.outcome;
});
