/** Stages that fail, and invalid filters: each ends its connection with `filter_error` and the reason. */

import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import type { FilterFactory } from "../../../src/config/filter.ts";
import { addFilter } from "../../../src/relay/filter.ts";
import { stageError, type StageFactory, type Way } from "../../../src/relay/stages.ts";
import { RelayFixture, SIDES } from "./relay_fixture.ts";
import { stageOf } from "../../support/fakes/stage_family.ts";

type Bytes = TransformStreamDefaultController<Uint8Array>;
type Pair = ReadableWritablePair<Uint8Array, Uint8Array>;

const WRONG = new RangeError("wrong");

for (const [one, other] of SIDES) {
  const way: Way = one === "client" ? "upload" : "download";

  Deno.test(`an error in a stage of the ${one} ends both directions, after the bytes that had passed it`, async () => {
    let disposed = 0;
    const fixture = new RelayFixture();
    const dispose = () => disposed += 1;
    fixture.relay.addStage(way, stageOf("identity", dispose));
    fixture.relay.addStage(way, transforming({ transform: failAt("bad") }, dispose));
    fixture.relay.addStage(way, stageOf("joiner", dispose));
    await setImmediate();
    fixture[one === "client" ? "client" : "upstream"].holds = true;
    await fixture.arrive(other, "under way");
    await fixture.arrive(one, "good ", "and good", "bad", "too late");
    assert.equal(fixture[other].written, "good and good");
    assert.deepEqual([fixture.isClosed, disposed], [false, 3]);
    fixture[one].release();
    assert.deepEqual(await fixture.failure(), ["filter_error", "proxy"]);
    assert.equal(await causeOf(fixture), WRONG);
    assert.deepEqual([fixture[one].written, fixture.isClosed, fixture.watched], ["under way", true, 0]);
  });

  Deno.test(`an error in the flush of a stage of the ${one} ends both directions, after FIN or a removal`, async () => {
    for (const how of ["FIN", "leaves"]) {
      const fixture = new RelayFixture();
      const placed = fixture.relay.addStage(way, transforming({ flush: () => Promise.reject(WRONG) }))!;
      fixture.relay.addStage(way, stageOf("identity"));
      await setImmediate();
      await fixture.arrive(one, "good");
      if (how === "FIN") await fixture.arrive(one, "end");
      else await fixture.relay.removeStage(placed);
      assert.equal(await causeOf(fixture), WRONG, how);
      assert.deepEqual([fixture[other].written, fixture[other].isFinished], ["good", false]);
    }
  });

  Deno.test(`a stage of the ${one} whose chunks are not Uint8Arrays fails`, async () => {
    const fixture = new RelayFixture();
    fixture.relay.addStage(
      way,
      transforming({
        transform: (_chunk, controller) => controller.enqueue("text" as unknown as Uint8Array),
      }),
    );
    await fixture.arrive(one, "question");
    assert.match(String(await causeOf(fixture)), /TypeError: The chunks of a filter must be Uint8Arrays/);
    assert.deepEqual([fixture[other].written, fixture.isClosed], ["", true]);
  });
}

Deno.test("a stage may send empty chunks, which are not written", async () => {
  const fixture = new RelayFixture();
  fixture.relay.addStage(
    "upload",
    transforming({
      transform(chunk, controller) {
        controller.enqueue(new Uint8Array());
        controller.enqueue(chunk);
      },
    }),
  );
  await fixture.arrive("client", "a", "b", "end");
  await fixture.arrive("upstream", "end");
  assert.deepEqual(await fixture.outcome, { kind: "closed", first: "client" });
  assert.deepEqual([fixture.upstream.written, fixture.upstream.writes], ["ab", 2]);
});

Deno.test("a filter may be any pair of streams, such as a CompressionStream", async () => {
  const fixture = new RelayFixture();
  addFilter(fixture.relay, () => ({
    upload: new CompressionStream("gzip") as unknown as Pair,
    download: new DecompressionStream("gzip") as unknown as Pair,
  }));
  await fixture.arrive("client", "end");
  assert.equal(fixture.upstream.written.charCodeAt(0), 0x1f);
  await fixture.arrive("upstream", "no header of gzip");
  assert.deepEqual(await fixture.failure(), ["filter_error", "proxy"]);
});

Deno.test("a pair of streams that fails at one side only fails as a stage", async () => {
  const fixture = new RelayFixture();
  addFilter(fixture.relay, () => ({
    upload: {
      readable: new ReadableStream(),
      writable: new WritableStream({ write: () => Promise.reject(WRONG) }),
    },
  }));
  await fixture.arrive("client", "question");
  assert.equal(await causeOf(fixture), WRONG);
});

const NO_FILTERS: [what: string, factory: unknown, message: RegExp][] = [
  ["a factory that throws", () => {
    throw WRONG;
  }, /^RangeError: wrong$/],
  ["an async factory", () => Promise.resolve({}), /^TypeError: A filter must be an object/],
  ["a factory that returns null", () => null, /^TypeError: A filter must be an object/],
  ["a factory that returns text", () => "filter", /^TypeError: A filter must be an object/],
  ["a stream that is none", () => ({ upload: {} }), /^TypeError: A filter must be a TransformStream$/],
  ["null for a stream", () => ({ download: null }), /^TypeError: A filter must be a TransformStream$/],
  ["half a stream", () => ({ upload: { readable: new ReadableStream() } }), /must be a TransformStream$/],
  ["a stream in use", () => {
    const download = new TransformStream();
    download.readable.getReader();
    return { download };
  }, /^TypeError: The streams of a filter must not be in use$/],
  ["a stream that is written", () => {
    const upload = new TransformStream();
    upload.writable.getWriter();
    return { upload };
  }, /^TypeError: The streams of a filter must not be in use$/],
  ["one stream for both ways", () => {
    const both = new TransformStream();
    return { upload: both, download: both };
  }, /^TypeError: /],
];

for (const [what, factory, message] of NO_FILTERS) {
  Deno.test(`an invalid filter ends its connection: ${what}`, async () => {
    // The filter is added before the relay runs, or while it does.
    const early = new RelayFixture({}, (relay) => addFilter(relay, factory as FilterFactory));
    const late = new RelayFixture();
    addFilter(late.relay, factory as FilterFactory);
    for (const fixture of [early, late]) {
      await setImmediate();
      if (!fixture.isClosed) await fixture.arrive("client", "x");
      assert.match(String(await causeOf(fixture)), message);
      assert.equal(fixture.isClosed, true);
    }
  });
}

Deno.test("a filter that is undefined, or has no stream, changes nothing", async () => {
  for (const filter of [undefined, {}]) {
    const fixture = new RelayFixture();
    addFilter(fixture.relay, () => filter);
    await fixture.arrive("client", "question", "end");
    await fixture.arrive("upstream", "answer", "end");
    assert.equal((await fixture.outcome).kind, "closed");
    assert.deepEqual([fixture.upstream.written, fixture.client.written], ["question", "answer"]);
  }
});

function failAt(text: string) {
  return (chunk: Uint8Array, controller: Bytes) => {
    if (new TextDecoder().decode(chunk) === text) throw WRONG;
    controller.enqueue(chunk);
  };
}

function transforming(transformer: Transformer<Uint8Array, Uint8Array>, dispose = () => {}): StageFactory {
  const pass = (chunk: Uint8Array, controller: Bytes) => controller.enqueue(chunk);
  return () => ({
    name: "test",
    transform: new TransformStream({ transform: pass, ...transformer }),
    dispose,
  });
}

async function causeOf(fixture: RelayFixture): Promise<unknown> {
  const outcome = await fixture.outcome;
  assert.ok(outcome.kind === "failed");
  assert.deepEqual([outcome.error.code, outcome.error.side], ["filter_error", "proxy"]);
  return outcome.error.cause;
}

Deno.test("stageError() has the message of an error, or the text of any other value", () => {
  const errors = [WRONG, "text", undefined].map((cause) => stageError(cause));
  assert.deepEqual(errors.map(({ message }) => message), [WRONG.message, "text", "undefined"]);
  assert.deepEqual(errors.map(({ code, side, cause }) => [code, side, cause]), [
    ["filter_error", "proxy", WRONG],
    ["filter_error", "proxy", "text"],
    ["filter_error", "proxy", undefined],
  ]);
});
