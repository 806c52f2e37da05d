/** Bulk runs through streams from the first large read on. Time stands still, so no turn of bulk ends. */

import assert from "node:assert/strict";
import { mock } from "node:test";
import { setImmediate } from "node:timers/promises";
import { emptyPool, pooledBytes } from "../../../src/net/buffers.ts";
import { ProxyError } from "../../../src/net/errors.ts";
import { FakeTime } from "../../support/fakes/fake_time.ts";
import { BROKEN, RelayFixture, RESET, SIDES, tally } from "./relay_fixture.ts";

/** With buffers of this many bytes a read that fills one is bulk. */
const SMALL = 4096;
/** Makes the buffer grow from 2 KiB, and exceeds it: read in 2048, 4096 and 3856 bytes. */
const BULK = "0123456789".repeat(1000);
const KILLED = new ProxyError("killed", "proxy");

for (const [one, other] of SIDES) {
  Deno.test(`Direction passes on bulk of the ${one}, then messages again, then FIN`, async () => {
    using _still = new FakeTime();
    const [fromClient, fromUpstream] = [tally(), tally()];
    const fixture = new RelayFixture({ bufferSize: SMALL, fromClient, fromUpstream });
    await fixture.arrive(one, BULK);
    const { activity } = fixture.relay;
    assert.equal(activity, 3);
    assert.equal(fixture[other].written, BULK);
    await fixture.arrive(one, "message", "end");
    assert.equal(fixture[other].written, BULK + "message");
    assert.equal(fixture.relay.activity, 4, "bulk is activity too");
    const counted = one === "client" ? fromClient : fromUpstream;
    assert.equal(counted.bytes, BULK.length + "message".length);
    assert.deepEqual([fixture[other].isFinished, fixture.relay.isHalfClosed, fixture.isClosed], [
      true,
      true,
      false,
    ]);
    await fixture.arrive(other, "end");
    assert.deepEqual(await fixture.outcome, { kind: "closed", first: one });
    assert.equal(fixture[one].isFinished, false, "closing it is its FIN");
  });

  Deno.test(`Direction writes all of the ${one}'s bytes in as many pieces as that takes`, async () => {
    using _still = new FakeTime();
    const fixture = new RelayFixture({ bufferSize: SMALL });
    fixture[other].takes = 1000;
    await fixture.arrive(one, "short", BULK, "end");
    assert.equal(fixture[other].written, "short" + BULK);
    assert.equal(fixture[other].writes, 1 + 3 + 5 + 4);
    await fixture.arrive(other, "end");
    assert.equal((await fixture.outcome).kind, "closed");
  });

  Deno.test(`Direction fails by the ${one} when its bulk breaks off, and passes on the bytes before`, async () => {
    using _still = new FakeTime();
    const fixture = new RelayFixture({ bufferSize: SMALL, reset: "pass" });
    await fixture.arrive(one, BULK, RESET);
    assert.deepEqual([fixture.isClosed, fixture.hasEnded], [true, true], "at once");
    assert.deepEqual(await fixture.failure(), ["connection_reset", one]);
    assert.deepEqual([fixture[other].written, fixture[other].isReset], [BULK, true]);
  });

  Deno.test(`Direction fails by the ${other} when it refuses bulk, and passes on its answer`, async () => {
    using _still = new FakeTime();
    const fixture = new RelayFixture({ bufferSize: SMALL });
    await fixture.arrive(one, BULK);
    fixture[other].breaks = BROKEN;
    await fixture.arrive(one, BULK);
    assert.equal(fixture.isClosed, false);
    await fixture.arrive(other, "answer", "end");
    assert.deepEqual(await fixture.failure(), ["broken_pipe", other]);
    assert.deepEqual([fixture[one].written, fixture.isClosed], ["answer", true]);
  });

  Deno.test(`Direction reads no more bulk from the ${one} after the ${other} has failed`, async () => {
    using _still = new FakeTime();
    const fixture = new RelayFixture({ bufferSize: SMALL });
    await fixture.arrive(one, BULK);
    fixture[other].holds = true;
    await fixture.arrive(one, "under way");
    await fixture.arrive(other, RESET);
    await fixture.arrive(one, "too late");
    assert.deepEqual([fixture.isClosed, fixture.hasEnded], [false, false], "a write is under way");
    const { reads } = fixture[one];
    fixture[other].release();
    assert.deepEqual(await fixture.failure(), ["connection_reset", other]);
    assert.deepEqual([fixture[other].written, fixture[one].reads], [BULK + "under way", reads]);
  });

  Deno.test(`Direction takes no bulk that the ${one} sends while it is ended`, async () => {
    using _still = new FakeTime();
    const fixture = new RelayFixture({ bufferSize: SMALL });
    await fixture.arrive(one, BULK);
    fixture.relay.expire();
    fixture[one].arrive("too late");
    assert.deepEqual(await fixture.failure(), ["idle_timeout", "proxy"]);
    assert.equal(fixture[other].written, BULK);
  });

  for (const bytes of ["message", BULK]) {
    Deno.test(`Direction returns no buffer to the pool that a failed write of ${bytes.length} bytes may hold, from the ${one}`, async () => {
      using _still = new FakeTime();
      emptyPool();
      const fixture = new RelayFixture({ bufferSize: SMALL });
      fixture[other].breaks = BROKEN;
      await fixture.arrive(one, bytes);
      await fixture.arrive(other, "end");
      assert.deepEqual(await fixture.failure(), ["broken_pipe", other]);
      // The buffer of the other direction, which received nothing.
      assert.equal(pooledBytes(), 2048);
      emptyPool();
    });
  }

  Deno.test(`Direction returns its buffer to the pool when it reads no more from the ${one}`, async () => {
    using _still = new FakeTime();
    emptyPool();
    const fixture = new RelayFixture({ bufferSize: SMALL });
    fixture[other].holds = true;
    await fixture.arrive(one, "under way");
    await fixture.arrive(other, RESET);
    fixture[other].release();
    await fixture.outcome;
    assert.equal(pooledBytes(), 2 * 2048);
    emptyPool();
  });

  Deno.test(`Direction has returned its buffer, either way, when a relay that the ${one} ends is over`, async () => {
    using _still = new FakeTime();
    emptyPool();
    const fixture = new RelayFixture({ bufferSize: SMALL });
    await fixture.arrive(one, "hello", "end");
    await fixture.arrive(other, "bye", "end");
    await fixture.outcome;
    assert.equal(pooledBytes(), 2 * 2048);
    emptyPool();
    const bulk = new RelayFixture({ bufferSize: SMALL });
    await bulk.arrive(one, BULK, "end");
    await bulk.arrive(other, RESET);
    await bulk.outcome;
    // The 2 KiB that grew, 4 KiB, and the buffer that received nothing.
    assert.equal(pooledBytes(), 2048 + SMALL + 2048);
    emptyPool();
  });
}

Deno.test("Direction ends bulk at once when it is killed, while a write waits", async () => {
  using _still = new FakeTime();
  const fixture = new RelayFixture({ bufferSize: SMALL });
  fixture.upstream.holds = true;
  await fixture.arrive("client", BULK);
  fixture.relay.abort(KILLED);
  assert.equal(fixture.isClosed, true);
  await setImmediate();
  assert.equal(fixture.hasEnded, true);
  assert.deepEqual(await fixture.failure(), ["killed", "proxy"]);
});

Deno.test("Direction does not change the turns of others after its bulk", async () => {
  using time = new FakeTime();
  const over = new RelayFixture({ bufferSize: SMALL });
  const goesOn = new RelayFixture({ bufferSize: SMALL });
  await over.arrive("client", BULK);
  await goesOn.arrive("client", BULK);
  // Longer than a turn.
  mock.method(performance, "now", () => 10);
  const { reads } = goesOn.client;
  await goesOn.arrive("client", "one more", "and another");
  assert.equal(goesOn.upstream.written, BULK + "one more", "the next read waits for its turn");
  await over.arrive("client", "end");
  await over.arrive("upstream", "end");
  assert.equal((await over.outcome).kind, "closed");
  assert.equal(goesOn.client.reads, reads);
  await time.advance(10);
  assert.equal(goesOn.upstream.written, BULK + "one more" + "and another");
  goesOn.relay.abort(KILLED);
  await goesOn.outcome;
});

Deno.test("Direction keeps to its own rate", async () => {
  using time = new FakeTime();
  const fixture = new RelayFixture({ rates: { upload: 10, download: 20 } });
  fixture.client.arrive("0123456789");
  fixture.upstream.arrive("0123456789");
  await time.advance(500);
  const { upstream, client } = fixture;
  assert.ok(upstream.written.length >= 4 && upstream.written.length <= 6, upstream.written);
  assert.ok(client.written.length >= 9 && client.written.length <= 10, client.written);
  fixture.relay.abort(KILLED);
  await fixture.outcome;
});

Deno.test("Direction keeps to the lowest rate, also for messages smaller than its buffer", async () => {
  using time = new FakeTime();
  const slow = new RelayFixture({ rates: { upload: 1, download: 0 } });
  slow.client.arrive("ab");
  await time.advance(900);
  assert.equal(slow.upstream.written, "");
  await time.advance(1000);
  assert.equal(slow.upstream.written, "a");
  slow.relay.abort(KILLED);
  await slow.outcome;

  const fixture = new RelayFixture({ rates: { upload: 0, download: 100 } });
  for (let count = 0; count < 20; count++) fixture.upstream.arrive("abc");
  await time.advance(200);
  const { length } = fixture.client.written;
  assert.ok(length >= 15 && length <= 25, `${length} bytes in 200 ms`);
  fixture.relay.abort(KILLED);
  await fixture.outcome;
});

Deno.test("Direction waits for its rate no longer than its relay lives", async () => {
  using time = new FakeTime();
  const fixture = new RelayFixture({ rates: { upload: 1, download: 0 } });
  fixture.client.arrive("slow");
  await time.advance(100);
  fixture.relay.abort(KILLED);
  await setImmediate();
  assert.deepEqual([fixture.hasEnded, fixture.upstream.written], [true, ""]);
});
