/** A Direction that goes over to stages and back: sizes of reads, turns of bulk, activity, and its ends. */

import assert from "node:assert/strict";
import { emptyPool, pooledBytes } from "../../../src/net/buffers.ts";
import { bulkTurns } from "../../../src/relay/bulk_turns.ts";
import type { StageFactory } from "../../../src/relay/stages.ts";
import { FakeTime, settled } from "../../support/fakes/fake_time.ts";
import { stageOf } from "../../support/fakes/stage_family.ts";
import { RelayFixture } from "./relay_fixture.ts";
import { identity, microtasks } from "./stage_chain_fixture.ts";

const SMALL = 4096;
/** More microtasks than a change of stages takes. */
const MICROTASKS = 60;

Deno.test("Direction limits its first read for a stage that was added before the start", async () => {
  const sizes: number[] = [];
  const transform = identity({
    transform(chunk, controller) {
      sizes.push(chunk.byteLength);
      controller.enqueue(chunk);
    },
  });
  const limited: StageFactory = () => ({ name: "limited", transform, largestChunk: 100 });
  const fixture = new RelayFixture({}, (relay) => void relay.addStage("upload", limited));
  await fixture.arrive("client", "x".repeat(250));
  assert.deepEqual(sizes, [100, 100, 50]);
  await finish(fixture);
});

Deno.test("Direction reads no more after a FIN that has passed its stages", async () => {
  const fixture = new RelayFixture();
  fixture.relay.addStage("upload", stageOf("identity"));
  await fixture.arrive("client", "question", "end");
  assert.deepEqual([fixture.upstream.isFinished, fixture.client.isRead], [true, false]);
  await finish(fixture);
});

Deno.test("Direction disposes of a stage that comes after its end, and passes it no discarded byte", async () => {
  const fixture = new RelayFixture();
  const ending = identity({ start: (controller) => controller.terminate() });
  fixture.relay.addStage("upload", () => ({ name: "ending", transform: ending }));
  await fixture.arrive("client", "rest");
  let disposed = 0;
  const late = fixture.relay.addStage("upload", stageOf("identity", () => disposed += 1))!;
  assert.equal(disposed, 1);
  await fixture.arrive("client", "discarded", "too");
  assert.equal(fixture.upstream.written, "");
  assert.ok(fixture.relay.removeStage(late) instanceof Promise);
  await finish(fixture);
});

Deno.test("Direction whose stages never were has nothing to remove", async () => {
  const fixture = new RelayFixture();
  await fixture.arrive("client", "end");
  const late = fixture.relay.addStage("upload", stageOf("identity"))!;
  assert.ok(fixture.relay.removeStage(late) instanceof Promise);
  await finish(fixture);
});

Deno.test("Direction waits for a write behind stages after a failure, though its read has ended", async () => {
  using _still = new FakeTime();
  emptyPool();
  const fixture = new RelayFixture();
  fixture.relay.addStage("upload", stageOf("identity"));
  fixture.upstream.holds = true;
  await fixture.arrive("client", "held");
  assert.equal(fixture.client.isRead, true);
  fixture.relay.expire();
  await fixture.arrive("client", "late");
  assert.equal(fixture.isClosed, false);
  fixture.upstream.release();
  assert.deepEqual(await fixture.failure(), ["idle_timeout", "proxy"]);
  assert.equal(fixture.upstream.written, "held");
  // The buffers of both directions.
  assert.equal(pooledBytes(), 2 * 2048);
  emptyPool();
});

Deno.test("Direction reads one chunk ahead of a stage that takes no more", async () => {
  const fixture = new RelayFixture();
  const stuck = identity({ transform: () => new Promise(() => {}) });
  fixture.relay.addStage("upload", () => ({ name: "stuck", transform: stuck }));
  await fixture.arrive("client", "first");
  let ahead = 0;
  for (; fixture.client.isRead; ahead++) await fixture.arrive("client", "next");
  assert.equal(ahead, 1);
  await finish(fixture);
});

Deno.test("Direction delivers bulk before it closes when its source breaks after the other side's FIN", async () => {
  const fixture = new RelayFixture({ bufferSize: SMALL });
  const bulk = "x".repeat(4 * SMALL);
  fixture.relay.addStage("upload", stageOf("identity"));
  await fixture.arrive("upstream", "end");
  fixture.upstream.holds = true;
  await fixture.arrive("client", bulk.slice(0, 100), new Deno.errors.ConnectionReset("reset"));
  assert.equal(fixture.isClosed, false);
  fixture.upstream.release();
  await fixture.outcome;
  assert.equal(fixture.upstream.written, bulk.slice(0, 100));
});

Deno.test("Direction lets bulk that passes stages wait for its turn, and messages not", async () => {
  using time = new FakeTime();
  const fixture = new RelayFixture({ bufferSize: SMALL });
  fixture.relay.addStage("upload", stageOf("identity"));
  await fixture.arrive("client", "message");
  for (let full = 2048; full <= SMALL; full *= 2) await fixture.arrive("client", "x".repeat(full));
  assert.equal(fixture.client.isRead, true);
  time.stall(10);
  await fixture.arrive("client", "y".repeat(SMALL));
  assert.equal(fixture.client.isRead, false);
  await time.advance(10);
  assert.equal(fixture.client.isRead, true);
  time.stall(10);
  await fixture.arrive("client", "message");
  assert.equal(fixture.client.isRead, true);
  await finish(fixture);
});

Deno.test("Direction leaves the turns of bulk when its stages end, fail or are aborted", async () => {
  using time = new FakeTime();
  for (const how of ["end", "fail", "abort"]) {
    const fixture = new RelayFixture();
    fixture.relay.addStage("upload", stageOf("identity"));
    fixture.relay.addStage("download", stageOf("identity"));
    await fixture.arrive("client", "question");
    if (how === "fail") fixture.upstream.breaks = new Deno.errors.BrokenPipe("broken");
    if (how === "abort") await finish(fixture);
    else {
      await fixture.arrive("client", how === "fail" ? "more" : "end");
      await fixture.arrive("upstream", "end");
    }
    await fixture.outcome;
    let reads = 0;
    bulkTurns.enter();
    bulkTurns.enter();
    bulkTurns.take(() => {});
    time.stall(10);
    bulkTurns.take(() => void (reads += 1));
    bulkTurns.leave();
    assert.equal(reads, 0, how);
    bulkTurns.leave();
    assert.equal(reads, 1, how);
  }
});

Deno.test("Direction counts a read as activity that ends while one stage follows another", async () => {
  let passedSecond = 0;
  for (let turns = 0; turns < MICROTASKS; turns++) {
    const fixture = new RelayFixture();
    const first = fixture.relay.addStage("upload", stageOf("identity"))!;
    await fixture.arrive("client", "a");
    const removed = fixture.relay.removeStage(first);
    fixture.relay.addStage("upload", stageOf("upperCase"));
    await microtasks(turns);
    await fixture.arrive("client", "b");
    await removed;
    await settled();
    assert.match(fixture.upstream.written, /^a[bB]$/);
    if (fixture.upstream.written === "aB") {
      passedSecond += 1;
      // Two reads, and two writes of stages.
      assert.equal(fixture.relay.activity, 4, `after ${turns} microtasks`);
    }
    await finish(fixture);
  }
  assert.ok(passedSecond > 0);
});

async function finish(fixture: RelayFixture): Promise<void> {
  fixture.relay.close();
  await fixture.outcome;
}
