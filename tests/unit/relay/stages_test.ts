/** Stages of a relay: the bytes that pass them, their addition and removal, and the bytes that they hold back. */

import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { ProxyError } from "../../../src/net/errors.ts";
import type { StageContext, StageFactory, Way } from "../../../src/relay/stages.ts";
import { throttle } from "../../../src/relay/throttle.ts";
import { FakeTime } from "../../support/fakes/fake_time.ts";
import { BROKEN, CONNECTION, RelayFixture, RESET, SIDES, tally } from "./relay_fixture.ts";
import { stageOf } from "../../support/fakes/stage_family.ts";

type Bytes = TransformStreamDefaultController<Uint8Array>;

const KILLED = new ProxyError("killed", "proxy");
/** With buffers of this many bytes a read that fills one is bulk. */
const SMALL = 4096;
const BULK = "7".repeat(10_000);

for (const [one, other] of SIDES) {
  const way: Way = one === "client" ? "upload" : "download";

  Deno.test(`bytes of the ${one} pass its stages in order, and FIN follows the bytes that they hold`, async () => {
    const fixture = new RelayFixture();
    fixture.relay.addStage(way, marking("a"));
    fixture.relay.addStage(way, marking("b"));
    await setImmediate();
    await fixture.arrive(one, "x", "y");
    assert.equal(fixture[other].written, "[b[ax]][b[ay]]");
    assert.deepEqual([fixture[other].isFinished, fixture.relay.isHalfClosed], [false, false]);
    await fixture.arrive(one, "end");
    assert.equal(fixture[other].written, "[b[ax]][b[ay]][b(a)](b)");
    assert.deepEqual([fixture[other].isFinished, fixture.relay.isHalfClosed], [true, true]);
    await fixture.arrive(other, "answer", "end");
    assert.equal(fixture[one].written, "answer", "the other direction has no stage");
    assert.deepEqual(await fixture.outcome, { kind: "closed", first: one });
  });

  Deno.test(`Relay.addStage() puts a stage of the ${one} before another one`, async () => {
    const fixture = new RelayFixture();
    const c = fixture.relay.addStage(way, marking("c"))!;
    await fixture.arrive(one, "x");
    const a = fixture.relay.addStage(way, marking("a"), c)!;
    fixture.relay.addStage(way, marking("b"), c);
    fixture.relay.addStage(way, marking("d"), undefined);
    await setImmediate();
    await fixture.arrive(one, "y");
    await fixture.relay.removeStage(a);
    fixture.relay.addStage(way, marking("e"), a);
    await setImmediate();
    await fixture.arrive(one, "z");
    assert.equal(fixture[other].written, "[cx][d[c[b[ay]]]][d[c[b(a)]]][e[d[c[bz]]]]");
    await end(fixture);
  });

  Deno.test(`a stage of the ${one} begins at once without bytes, and may send first`, async () => {
    const fixture = new RelayFixture();
    await fixture.arrive(one, "before ");
    fixture.relay.addStage(way, stage({ start: (controller) => controller.enqueue(bytesOf("hello ")) }));
    await setImmediate();
    assert.equal(fixture[other].written, "before hello ");
    await fixture.arrive(one, "after", "end");
    assert.equal(fixture[other].written, "before hello after");
    await end(fixture);
  });

  Deno.test(`a stage that is added during a write to the ${other} begins after it`, async () => {
    const fixture = new RelayFixture();
    fixture[other].holds = true;
    await fixture.arrive(one, "first ");
    fixture.relay.addStage(way, stageOf("upperCase"));
    await fixture.arrive(one, "second");
    assert.equal(fixture[other].written, "");
    fixture[other].release();
    await setImmediate();
    assert.equal(fixture[other].written, "first SECOND");
    await end(fixture);
  });

  Deno.test(`a stage can be added to bulk of the ${one} and removed, between two chunks`, async () => {
    using _still = new FakeTime();
    const fixture = new RelayFixture({ bufferSize: SMALL });
    await fixture.arrive(one, BULK);
    const upper = fixture.relay.addStage(way, stageOf("upperCase"))!;
    await fixture.arrive(one, "upper", BULK);
    await fixture.relay.removeStage(upper);
    await fixture.arrive(one, "lower", BULK, "message", "end");
    assert.equal(fixture[other].written, `${BULK}UPPER${BULK}lower${BULK}message`);
    assert.equal(fixture[other].isFinished, true);
    await end(fixture);
  });

  Deno.test(`a stage of the ${one} that is removed first passes on the bytes that it holds`, async () => {
    const fixture = new RelayFixture();
    const [joiner, identity] = [stageOf("joiner"), stageOf("identity")];
    const first = fixture.relay.addStage(way, joiner)!;
    fixture.relay.addStage(way, identity);
    const last = fixture.relay.addStage(way, joiner)!;
    await fixture.arrive(one, "a", "b", "c");
    assert.equal(fixture[other].written, "");
    await fixture.relay.removeStage(first);
    assert.equal(fixture[other].written, "", "the last one has it now");
    await fixture.arrive(one, "d");
    await fixture.relay.removeStage(last);
    assert.equal(fixture[other].written, "abcd");
    await fixture.arrive(one, "e");
    assert.equal(fixture[other].written, "abcde");
    await end(fixture);
  });

  Deno.test(`a stage may keep chunks of the ${one}, which have buffers of their own`, async () => {
    const kept: Uint8Array[] = [];
    const fixture = new RelayFixture();
    fixture.relay.addStage(way, stage({ transform: (chunk) => void kept.push(chunk) }));
    await fixture.arrive(one, "first", "second", "third");
    assert.deepEqual(kept.map(textOf), ["first", "second", "third"]);
    assert.deepEqual(kept.map(({ buffer }) => buffer.byteLength), [5, 6, 5]);
    await end(fixture);
  });

  Deno.test(`a slow ${other} stops the ${one} through stages, which hold a few chunks`, async () => {
    const fixture = new RelayFixture();
    for (let count = 0; count < 3; count++) fixture.relay.addStage(way, stageOf("identity"));
    fixture[other].holds = true;
    for (let count = 0; count < 100; count++) await fixture.arrive(one, "x");
    const { reads } = fixture[one];
    assert.ok(reads <= 12, `${reads} reads`);
    fixture[other].release();
    await setImmediate();
    assert.equal(fixture[other].written, "x".repeat(100));
    await end(fixture);
  });

  Deno.test(`stages deliver the bytes that they hold when the ${one} resets, then both sides are closed`, async () => {
    const fixture = new RelayFixture({ reset: "pass" });
    fixture.relay.addStage(way, stageOf("joiner"));
    await fixture.arrive(one, "held", RESET);
    assert.deepEqual(await fixture.failure(), ["connection_reset", one]);
    assert.deepEqual([fixture[other].written, fixture[other].isReset], ["held", true]);
  });

  Deno.test(`stages deliver the bytes that they hold when the ${one} is idle`, async () => {
    const fixture = new RelayFixture();
    fixture.relay.addStage(way, stageOf("joiner"));
    await fixture.arrive(one, "held");
    fixture.relay.expire();
    assert.equal(fixture.isClosed, false);
    assert.deepEqual(await fixture.failure(), ["idle_timeout", "proxy"]);
    assert.equal(fixture[other].written, "held");
  });

  Deno.test(`a stage that holds bytes of the ${one} forever has a second, then both sides are closed`, async () => {
    using time = new FakeTime();
    const fixture = new RelayFixture();
    fixture.relay.addStage(way, stage({ transform: () => new Promise(() => {}) }));
    await fixture.arrive(one, "held");
    fixture.relay.expire();
    await time.advance(990);
    assert.equal(fixture.isClosed, false);
    await time.advance(10);
    assert.deepEqual([fixture.isClosed, fixture.hasEnded, fixture.watched], [true, true, 0]);
    assert.deepEqual(await fixture.failure(), ["idle_timeout", "proxy"]);
    assert.equal(fixture[other].written, "");
  });

  for (const kind of ["joiner", "stuck"] as const) {
    Deno.test(`Relay.abort() waits for no ${kind} stage of the ${one}`, async () => {
      let disposed = 0;
      const dispose = () => disposed += 1;
      const factory = kind === "joiner"
        ? stageOf(kind, dispose)
        : stage({ transform: () => new Promise(() => {}) }, dispose);
      const fixture = new RelayFixture();
      fixture.relay.addStage(way, factory);
      await fixture.arrive(one, "held", "more", "and more");
      fixture.relay.abort(KILLED);
      assert.equal(fixture.isClosed, true);
      await setImmediate();
      assert.deepEqual([fixture.hasEnded, disposed, fixture[other].written], [true, 1, ""]);
      assert.deepEqual(await fixture.failure(), ["killed", "proxy"]);
    });
  }

  Deno.test(`a ${other} that refuses bytes ends the stages of the ${one}, and its answer is relayed`, async () => {
    const fixture = new RelayFixture();
    fixture.relay.addStage(way, stageOf("identity"));
    fixture[other].breaks = BROKEN;
    await fixture.arrive(one, "question");
    assert.deepEqual([fixture.isClosed, fixture.hasEnded], [false, false]);
    await fixture.arrive(other, "answer", "end");
    assert.deepEqual(await fixture.failure(), ["broken_pipe", other]);
    assert.deepEqual([fixture[one].written, fixture.isClosed], ["answer", true]);
  });

  Deno.test(`a stage that ends the stream of the ${one} ends its direction, and the rest is discarded`, async () => {
    const [fromClient, fromUpstream] = [tally(), tally()];
    const fixture = new RelayFixture({ fromClient, fromUpstream });
    fixture.relay.addStage(
      way,
      stage({
        transform(chunk, controller) {
          controller.enqueue(chunk);
          controller.terminate();
        },
      }),
    );
    fixture.relay.addStage(way, marking("b"));
    await setImmediate();
    await fixture.arrive(one, "first", "second", "third");
    assert.equal(fixture[other].written, "[bfirst](b)");
    assert.deepEqual([fixture[other].isFinished, fixture.relay.isHalfClosed, fixture.isClosed], [
      true,
      true,
      false,
    ]);
    const counted = one === "client" ? fromClient : fromUpstream;
    assert.equal(counted.bytes, "firstsecondthird".length);
    await fixture.arrive(other, "answer", "end");
    assert.deepEqual(await fixture.outcome, { kind: "closed", first: one });
    assert.deepEqual([fixture[one].written, fixture.isClosed], ["answer", true]);
  });

  Deno.test(`a stage that has ended the stream: a reset of the ${one} is a failure, its FIN is not`, async () => {
    for (const [last, kind] of [[RESET, "failed"], ["end", "closed"]] as const) {
      const fixture = new RelayFixture();
      fixture.relay.addStage(way, stage({ start: (controller) => controller.terminate() }));
      await fixture.arrive(one, "rest", "x".repeat(200), last);
      assert.equal(fixture.hasEnded, last === RESET);
      await fixture.arrive(other, "end");
      assert.equal((await fixture.outcome).kind, kind);
      assert.equal(fixture[other].written, "");
    }
  });

  Deno.test(`a reset of the ${other} after both have finished is no failure with a stage either`, async () => {
    const fixture = new RelayFixture();
    fixture.relay.addStage("upload", stageOf("identity"));
    fixture.relay.addStage("download", stageOf("identity"));
    await fixture.arrive(one, "question");
    await fixture.arrive(other, "answer");
    await fixture.arrive(one, "end");
    await fixture.arrive(other, RESET);
    assert.deepEqual(await fixture.outcome, { kind: "closed", first: one, thenReset: true });
  });
}

Deno.test("a stage and the buffer limit the size of a read", async () => {
  // On a busy machine, the turn of bulk could end, and the next read would come later.
  using _still = new FakeTime();
  const sizes: number[] = [];
  const fixture = new RelayFixture({ bufferSize: SMALL });
  const counting = stage({ transform: (chunk) => void sizes.push(chunk.byteLength) });
  const limited: StageFactory = (context) => ({ ...counting(context)!, largestChunk: 100 });
  const first = fixture.relay.addStage("upload", limited)!;
  await fixture.arrive("client", "a read was under way", "x".repeat(250));
  assert.deepEqual(sizes.splice(0), [20, 100, 100, 50]);
  await fixture.relay.removeStage(first);
  fixture.relay.addStage("upload", throttle(1e9));
  fixture.relay.addStage("upload", counting);
  await fixture.arrive("client", "x".repeat(5 * SMALL));
  assert.equal(Math.max(...sizes), SMALL);
  await end(fixture);
});

Deno.test("a stage that releases bytes late causes activity", async () => {
  using time = new FakeTime();
  const fixture = new RelayFixture();
  fixture.relay.addStage("upload", throttle(10));
  await fixture.arrive("client", "x");
  assert.equal(fixture.relay.activity, 1);
  await time.advance(100);
  assert.deepEqual([fixture.upstream.written, fixture.relay.activity], ["x", 2]);
  await end(fixture);
});

Deno.test("a stage that is removed stops waiting for its rate", async () => {
  using time = new FakeTime();
  const fixture = new RelayFixture();
  const slow = fixture.relay.addStage("upload", throttle(1))!;
  await fixture.arrive("client", "slow", " bytes");
  await time.advance(100);
  assert.equal(fixture.upstream.written, "");
  await fixture.relay.removeStage(slow);
  await fixture.arrive("client", "!");
  assert.equal(fixture.upstream.written, "slow bytes!");
  await end(fixture);
});

Deno.test("a stage may be added and removed before the first byte, twice, or too late", async () => {
  const disposed: string[] = [];
  const named = (name: string) => stageOf("upperCase", () => disposed.push(name));
  const fixture = new RelayFixture();
  const { relay } = fixture;
  fixture.client.holds = true;
  await fixture.arrive("upstream", "under way");
  const early = relay.addStage("download", named("early"))!;
  await relay.removeStage(early);
  assert.deepEqual(disposed, ["early"]);
  fixture.client.release();
  await fixture.arrive("upstream", " as it is");
  assert.equal(fixture.client.written, "under way as it is");
  const twice = relay.addStage("download", named("twice"))!;
  await Promise.all([relay.removeStage(twice), relay.removeStage(twice)]);
  await relay.removeStage(twice);
  assert.deepEqual(disposed, ["early", "twice"]);
  await fixture.arrive("upstream", ", still", "end");
  assert.equal(fixture.client.written, "under way as it is, still");
  relay.addStage("download", named("behind FIN"));
  assert.deepEqual(disposed, ["early", "twice", "behind FIN"]);
  relay.abort(KILLED);
  await fixture.outcome;
  assert.equal(relay.addStage("upload", named("never")), undefined);
  assert.equal(disposed.length, 3);
});

Deno.test("a stage gets its connection, a clock, and repeatable random numbers", async () => {
  const numbers = [0, 1].map(() => {
    const contexts: StageContext[] = [];
    const fixture = new RelayFixture();
    const keep: StageFactory = (context) => void contexts.push(context);
    for (const way of ["upload", "download"] as const) {
      assert.equal(fixture.relay.addStage(way, keep), undefined);
    }
    const [upload, download] = contexts as [StageContext, StageContext];
    const { id, service, client, serverName, endpoint } = upload;
    assert.deepEqual({ id, service, client, serverName, endpoint }, CONNECTION);
    assert.ok(Math.abs(upload.now() - performance.now()) < 1000);
    assert.equal(upload.signal.aborted, false);
    fixture.relay.abort(KILLED);
    assert.deepEqual([upload.signal.aborted, download.signal.aborted], [true, true]);
    const drawn = [upload, download].map(({ random }) => Array.from({ length: 100 }, random));
    for (const number of drawn.flat()) assert.ok(number >= 0 && number < 1);
    assert.equal(new Set(drawn.flat()).size, 200);
    return drawn;
  });
  assert.deepEqual(numbers[0], numbers[1]);
  await setImmediate();
});

Deno.test("Relay.removeStage() aborts the signal of a stage, also when its direction has ended", async () => {
  const fixture = new RelayFixture();
  const signals: AbortSignal[] = [];
  const add = () =>
    fixture.relay.addStage("upload", (context) => {
      signals.push(context.signal);
      return stageOf("identity")(context);
    })!;
  await fixture.relay.removeStage(add());
  await fixture.arrive("client", "end");
  const late = add();
  assert.deepEqual(signals.map(({ aborted }) => aborted), [true, false]);
  await fixture.relay.removeStage(late);
  assert.equal(signals[1]!.aborted, true);
  await end(fixture);
});

Deno.test("a stage can close its connection, after the bytes that passed before", async () => {
  const fixture = new RelayFixture();
  fixture.relay.addStage("upload", (context) =>
    stage({
      transform: (chunk, controller) => textOf(chunk) === "bad" ? context.close() : controller.enqueue(chunk),
    })(context));
  fixture.upstream.holds = true;
  await fixture.arrive("client", "good");
  await fixture.arrive("client", "bad");
  assert.equal(fixture.isClosed, false);
  fixture.upstream.release();
  assert.deepEqual(await fixture.failure(), ["filter_closed", "proxy"]);
  assert.deepEqual([fixture.upstream.written, fixture.upstream.isReset], ["good", false]);
});

Deno.test("a stage can reset both sides at once", async () => {
  const fixture = new RelayFixture();
  let reset = () => {};
  fixture.relay.addStage("upload", (context) => {
    reset = context.reset;
    return undefined;
  });
  await fixture.arrive("client", "question");
  reset();
  assert.deepEqual([fixture.client.isReset, fixture.upstream.isReset, fixture.isClosed], [true, true, true]);
  assert.deepEqual(await fixture.failure(), ["filter_closed", "proxy"]);
  const { closes } = fixture.client;
  reset();
  assert.equal(fixture.client.closes, closes);
});

/** Puts a name around each chunk, and sends it once more at the end. */
function marking(name: string): StageFactory {
  return stage({
    transform: (chunk, controller) => controller.enqueue(bytesOf(`[${name}${textOf(chunk)}]`)),
    flush: (controller) => controller.enqueue(bytesOf(`(${name})`)),
  });
}

function stage(transformer: Transformer<Uint8Array, Uint8Array>, dispose = () => {}): StageFactory {
  const start = transformer.start === undefined ? {} : {
    start: (controller: Bytes) => transformer.start!(controller),
  };
  const pass = (chunk: Uint8Array, controller: Bytes) => controller.enqueue(chunk);
  return () => ({
    name: "test",
    transform: new TransformStream<Uint8Array, Uint8Array>({ transform: pass, ...transformer, ...start }),
    dispose,
  });
}

async function end(fixture: RelayFixture): Promise<void> {
  fixture.relay.abort(KILLED);
  await fixture.outcome;
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
