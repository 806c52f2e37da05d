/** Bulk: what runs through streams from a large read on. Time stands still, so no turn of bulk is ever over. */

import assert from "node:assert/strict";
import { mock } from "node:test";
import { setImmediate } from "node:timers/promises";
import { emptyPool, pooledBytes } from "../../../src/net/buffer_pool.ts";
import { ProxyError } from "../../../src/net/errors.ts";
import { FakeTime } from "../../support/fakes/fake_time.ts";
import { BROKEN, RelayStage, RESET, SIDES, tally } from "./relay_fixture.ts";

/** With buffers of so many bytes a read that fills one is bulk. */
const SMALL = 4096;
/** Makes the buffer grow from 2 KiB, fills it, and is more than it: read in 2048, 4096 and 3856 bytes. */
const BULK = "0123456789".repeat(1000);
const KILLED = new ProxyError("killed", "proxy");

for (const [one, other] of SIDES) {
  Deno.test(`a Direction passes on bulk of the ${one}, then messages again, then FIN`, async () => {
    using _still = new FakeTime();
    const [fromClient, fromUpstream] = [tally(), tally()];
    const stage = new RelayStage({ bufferSize: SMALL, fromClient, fromUpstream });
    await stage.arrive(one, BULK);
    const { activity } = stage.relay;
    assert.equal(activity, 3);
    assert.equal(stage[other].written, BULK);
    await stage.arrive(one, "message", "end");
    assert.equal(stage[other].written, BULK + "message");
    assert.equal(stage.relay.activity, 4, "bulk is activity too");
    const counted = one === "client" ? fromClient : fromUpstream;
    assert.equal(counted.bytes, BULK.length + "message".length);
    assert.deepEqual([stage[other].isFinished, stage.relay.isHalfClosed, stage.isClosed], [
      true,
      true,
      false,
    ]);
    await stage.arrive(other, "end");
    assert.deepEqual(await stage.outcome, { kind: "closed", first: one });
    assert.equal(stage[one].isFinished, false, "closing it is its FIN");
  });

  Deno.test(`a Direction writes all of the ${one}'s bytes in as many pieces as it takes`, async () => {
    using _still = new FakeTime();
    const stage = new RelayStage({ bufferSize: SMALL });
    stage[other].takes = 1000;
    await stage.arrive(one, "short", BULK, "end");
    assert.equal(stage[other].written, "short" + BULK);
    assert.equal(stage[other].writes, 1 + 3 + 5 + 4);
    await stage.arrive(other, "end");
    assert.equal((await stage.outcome).kind, "closed");
  });

  Deno.test(`a Direction fails by the ${one} when bulk of it breaks off, and passes on what came before`, async () => {
    using _still = new FakeTime();
    const stage = new RelayStage({ bufferSize: SMALL, reset: "pass" });
    await stage.arrive(one, BULK, RESET);
    assert.deepEqual([stage.isClosed, stage.hasEnded], [true, true], "at once");
    assert.deepEqual(await stage.failure(), ["connection_reset", one]);
    assert.deepEqual([stage[other].written, stage[other].isReset], [BULK, true]);
  });

  Deno.test(`a Direction fails by the ${other} when it does not take bulk, and its answer gets through`, async () => {
    using _still = new FakeTime();
    const stage = new RelayStage({ bufferSize: SMALL });
    await stage.arrive(one, BULK);
    stage[other].breaks = BROKEN;
    await stage.arrive(one, BULK);
    assert.equal(stage.isClosed, false);
    await stage.arrive(other, "answer", "end");
    assert.deepEqual(await stage.failure(), ["broken_pipe", other]);
    assert.deepEqual([stage[one].written, stage.isClosed], ["answer", true]);
  });

  Deno.test(`a Direction reads no more bulk from the ${one} once the ${other} has failed`, async () => {
    using _still = new FakeTime();
    const stage = new RelayStage({ bufferSize: SMALL });
    await stage.arrive(one, BULK);
    stage[other].holds = true;
    await stage.arrive(one, "under way");
    await stage.arrive(other, RESET);
    await stage.arrive(one, "too late");
    assert.deepEqual([stage.isClosed, stage.hasEnded], [false, false], "a write is under way");
    const { reads } = stage[one];
    stage[other].release();
    assert.deepEqual(await stage.failure(), ["connection_reset", other]);
    assert.deepEqual([stage[other].written, stage[one].reads], [BULK + "under way", reads]);
  });

  Deno.test(`a Direction takes no bulk that the ${one} sends while it is ended`, async () => {
    using _still = new FakeTime();
    const stage = new RelayStage({ bufferSize: SMALL });
    await stage.arrive(one, BULK);
    stage.relay.expire();
    stage[one].arrive("too late");
    assert.deepEqual(await stage.failure(), ["idle_timeout", "proxy"]);
    assert.equal(stage[other].written, BULK);
  });

  for (const bytes of ["message", BULK]) {
    Deno.test(`a buffer that a failed write of ${bytes.length} bytes may hold is for nobody else, from the ${one}`, async () => {
      using _still = new FakeTime();
      emptyPool();
      const stage = new RelayStage({ bufferSize: SMALL });
      stage[other].breaks = BROKEN;
      await stage.arrive(one, bytes);
      await stage.arrive(other, "end");
      assert.deepEqual(await stage.failure(), ["broken_pipe", other]);
      // That of the other direction, in which nothing came.
      assert.equal(pooledBytes(), 2048);
      emptyPool();
    });
  }

  Deno.test(`a buffer is for others once nothing more is read into it from the ${one}`, async () => {
    using _still = new FakeTime();
    emptyPool();
    const stage = new RelayStage({ bufferSize: SMALL });
    stage[other].holds = true;
    await stage.arrive(one, "under way");
    await stage.arrive(other, RESET);
    stage[other].release();
    await stage.outcome;
    assert.equal(pooledBytes(), 2 * 2048);
    emptyPool();
  });

  Deno.test(`both buffers are for others once a relay that the ${one} ends is over`, async () => {
    using _still = new FakeTime();
    emptyPool();
    const stage = new RelayStage({ bufferSize: SMALL });
    await stage.arrive(one, "hello", "end");
    await stage.arrive(other, "bye", "end");
    await stage.outcome;
    assert.equal(pooledBytes(), 2 * 2048);
    emptyPool();
    const bulk = new RelayStage({ bufferSize: SMALL });
    await bulk.arrive(one, BULK, "end");
    await bulk.arrive(other, RESET);
    await bulk.outcome;
    // 2 KiB that grew, 4 KiB, and those in which nothing came.
    assert.equal(pooledBytes(), 2048 + SMALL + 2048);
    emptyPool();
  });
}

Deno.test("a Direction is done with bulk as soon as it is killed, while a write waits", async () => {
  using _still = new FakeTime();
  const stage = new RelayStage({ bufferSize: SMALL });
  stage.upstream.holds = true;
  await stage.arrive("client", BULK);
  stage.relay.abort(KILLED);
  assert.equal(stage.isClosed, true);
  await setImmediate();
  assert.equal(stage.hasEnded, true);
  assert.deepEqual(await stage.failure(), ["killed", "proxy"]);
});

Deno.test("a Direction whose bulk is over leaves the turns of others as they are", async () => {
  using time = new FakeTime();
  const over = new RelayStage({ bufferSize: SMALL });
  const goesOn = new RelayStage({ bufferSize: SMALL });
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

Deno.test("each Direction keeps to its own rate", async () => {
  using time = new FakeTime();
  const stage = new RelayStage({ rates: { upload: 10, download: 20 } });
  stage.client.arrive("0123456789");
  stage.upstream.arrive("0123456789");
  await time.advance(500);
  const { upstream, client } = stage;
  assert.ok(upstream.written.length >= 4 && upstream.written.length <= 6, upstream.written);
  assert.ok(client.written.length >= 9 && client.written.length <= 10, client.written);
  stage.relay.abort(KILLED);
  await stage.outcome;
});

Deno.test("a Direction keeps to the lowest rate there is, and to one for messages smaller than its buffer", async () => {
  using time = new FakeTime();
  const slow = new RelayStage({ rates: { upload: 1, download: 0 } });
  slow.client.arrive("ab");
  await time.advance(900);
  assert.equal(slow.upstream.written, "");
  await time.advance(1000);
  assert.equal(slow.upstream.written, "a");
  slow.relay.abort(KILLED);
  await slow.outcome;

  const stage = new RelayStage({ rates: { upload: 0, download: 100 } });
  for (let count = 0; count < 20; count++) stage.upstream.arrive("abc");
  await time.advance(200);
  const { length } = stage.client.written;
  assert.ok(length >= 15 && length <= 25, `${length} bytes in 200 ms`);
  stage.relay.abort(KILLED);
  await stage.outcome;
});

Deno.test("a Direction waits for its rate no longer than its relay lives", async () => {
  using time = new FakeTime();
  const stage = new RelayStage({ rates: { upload: 1, download: 0 } });
  stage.client.arrive("slow");
  await time.advance(100);
  stage.relay.abort(KILLED);
  await setImmediate();
  assert.deepEqual([stage.hasEnded, stage.upstream.written], [true, ""]);
});
