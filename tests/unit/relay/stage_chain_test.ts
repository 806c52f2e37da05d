/** The stages of one direction, between a feed and a connection, with the calls that each change and failure makes. */

import assert from "node:assert/strict";
import { PlacedStage } from "../../../src/relay/stages.ts";
import { settled } from "../../support/fakes/fake_time.ts";
import { type Bytes, ChainFixture, identity, microtasks, pair } from "./stage_chain_fixture.ts";

const [ONE, TWO] = [new RangeError("one"), new RangeError("two")];
/** More microtasks than any event takes to pass from one stream to the next. */
const MICROTASKS = 40;

Deno.test("StageChain.add() places a stage at once, unless a change is pending", async () => {
  const fixture = new ChainFixture();
  const first = fixture.add("first", identity());
  assert.deepEqual([fixture.calls, fixture.chain.isWanted], [["wanted"], true]);
  const removed = fixture.chain.remove(first);
  fixture.add("second", identity());
  assert.equal(fixture.calls.length, 1);
  await removed;
  await settled();
  assert.deepEqual([fixture.calls, fixture.chain.isWanted], [["wanted", "wanted"], true]);
  fixture.add("third", identity());
  assert.equal(fixture.calls.length, 3);
  fixture.chain.abort();
});

Deno.test("StageChain.add() disposes of a stage after abort()", async () => {
  const fixture = new ChainFixture();
  fixture.chain.abort();
  fixture.add("late", identity());
  await settled();
  assert.deepEqual([fixture.calls, fixture.disposed, fixture.chain.isWanted], [[], ["late"], false]);
});

Deno.test("StageChain counts the bytes delivered of each run", async () => {
  const fixture = new ChainFixture();
  assert.equal(fixture.chain.delivered, 0);
  for (const text of ["one", "three"]) {
    const stage = fixture.add(text, identity());
    fixture.run();
    assert.equal(fixture.chain.delivered, 0);
    await fixture.send(text);
    assert.equal(fixture.chain.delivered, text.length);
    const removed = fixture.chain.remove(stage);
    await settled();
    await fixture.finish();
    await removed;
  }
  assert.deepEqual(fixture.calls, ["wanted", "empty", "end", "wanted", "empty", "end"]);
});

Deno.test("StageChain.remove() of the last stage lets no other in before the feed has ended", async () => {
  const fixture = new ChainFixture();
  const last = fixture.add("last", identity());
  fixture.run();
  await fixture.send("bytes");
  let isRemoved = false;
  const removed = fixture.chain.remove(last).then(() => isRemoved = true);
  fixture.add("next", identity());
  await settled();
  assert.deepEqual([fixture.calls, fixture.disposed, isRemoved], [["wanted", "empty"], ["last"], false]);
  await fixture.finish();
  await removed;
  await settled();
  assert.deepEqual([fixture.calls, fixture.disposed], [["wanted", "empty", "end", "wanted"], ["last"]]);
  fixture.chain.abort();
});

Deno.test("StageChain.abort() ends a removal that waits for a flush", async () => {
  const fixture = new ChainFixture();
  const endless = fixture.add("endless", identity({ flush: () => new Promise(() => {}) }));
  fixture.run();
  await fixture.send("bytes");
  const removed = fixture.chain.remove(endless);
  await settled();
  assert.deepEqual(fixture.disposed, []);
  fixture.chain.abort();
  await removed;
  assert.deepEqual([fixture.calls, fixture.disposed], [["wanted"], ["endless"]]);
});

Deno.test("StageChain.abort() ends a change that waits for a write", async () => {
  const fixture = new ChainFixture();
  const stage = fixture.add("stage", identity());
  fixture.run();
  await fixture.send("delivered");
  fixture.conn.gate = new Promise(() => {});
  await fixture.send("held", "queued", "waiting");
  const removed = fixture.chain.remove(stage);
  fixture.add("next", identity());
  await settled();
  fixture.chain.abort();
  await removed;
  await settled();
  assert.deepEqual([fixture.calls, fixture.disposed], [["wanted"], ["stage", "next"]]);
});

Deno.test("StageChain.abort() aborts the streams of stages once the writes to them have ended", async () => {
  const fixture = new ChainFixture();
  const aborted: string[] = [];
  const writes = ["first", "second"].map(() => Promise.withResolvers<void>());
  for (const [index, name] of ["first", "second"].entries()) {
    const transform = pair(async (chunk, readable) => {
      readable.enqueue(chunk);
      await writes[index]!.promise;
    }, (side) => void aborted.push(`${name} ${side}`));
    fixture.add(name, transform);
  }
  fixture.run();
  await fixture.send("bytes");
  fixture.chain.abort();
  await settled();
  assert.equal(aborted.length, 0);
  writes[1]!.resolve();
  await settled();
  assert.equal(aborted.includes("first writable"), false);
  writes[0]!.resolve();
  await settled();
  assert.deepEqual(aborted.toSorted(), [
    "first readable",
    "first writable",
    "second readable",
    "second writable",
  ]);
  assert.equal(fixture.isCancelled, true);
});

Deno.test("StageChain.add() disposes of a stage between one that has ended and one that flushes", async () => {
  const fixture = new ChainFixture();
  const flushed = Promise.withResolvers<void>();
  fixture.add("ended", identity());
  const flushing = fixture.add("flushing", identity({ flush: () => flushed.promise }));
  fixture.run();
  await fixture.send("bytes");
  await fixture.finish();
  assert.deepEqual(fixture.disposed, ["ended"]);
  fixture.add("between", identity(), flushing);
  await settled();
  assert.deepEqual(fixture.disposed, ["ended", "between"]);
  flushed.resolve();
  await settled();
  assert.deepEqual([fixture.calls, fixture.disposed], [["wanted", "wanted", "end"], [
    "ended",
    "between",
    "flushing",
  ]]);
});

Deno.test("StageChain has no stages left when its feed has ended", async () => {
  const fixture = new ChainFixture();
  fixture.add("stage", identity());
  fixture.run();
  await fixture.finish();
  assert.deepEqual([fixture.calls, fixture.chain.isWanted, fixture.chain.isRunning], [
    ["wanted", "end"],
    false,
    false,
  ]);
});

Deno.test("StageChain allows reads of the smallest limit of its stages", () => {
  const fixture = new ChainFixture();
  assert.equal(fixture.chain.largestChunk, Infinity);
  fixture.add("unlimited", identity());
  for (const largestChunk of [300, 100, 200]) {
    const stage = { name: "limited", transform: identity(), largestChunk };
    fixture.chain.add(new PlacedStage("upload", stage, new AbortController()));
  }
  assert.equal(fixture.chain.largestChunk, 100);
  fixture.chain.abort();
});

Deno.test("StageChain makes no call after abort(), whatever ends or fails at that moment", async () => {
  for (let turns = 0; turns < MICROTASKS; turns++) {
    for (const transformer of [{}, { flush: () => Promise.reject(ONE) }, { flush: failAfter }, undefined]) {
      const fixture = new ChainFixture();
      fixture.add("first", identity(transformer));
      fixture.add("second", identity());
      fixture.run();
      await fixture.send("bytes");
      if (transformer === undefined) fixture.conn.error = new Deno.errors.ConnectionReset("reset");
      if (transformer === undefined) void fixture.send("lost");
      else void fixture.finish();
      await microtasks(turns);
      fixture.chain.abort();
      const calls = fixture.calls.length;
      await settled();
      assert.equal(fixture.calls.length, calls, `after ${turns} microtasks`);
      assert.deepEqual(fixture.disposed.toSorted(), ["first", "second"]);
    }
  }
});

Deno.test("StageChain reports a stage whose sides fail one after the other once", async () => {
  for (const turns of Array.from({ length: MICROTASKS }, (_, count) => count)) {
    for (const [early, late] of [["readable", "writable"], ["writable", "readable"]] as const) {
      const fixture = new ChainFixture();
      const failing = pair(async (_chunk, readable) => {
        if (early === "readable") readable.error(ONE);
        else void microtasks(turns).then(() => readable.error(ONE));
        if (late === "writable") await microtasks(turns);
        throw TWO;
      });
      fixture.add("failing", failing);
      fixture.add("next", pair((chunk, readable) => readable.enqueue(chunk)));
      fixture.add("last", identity());
      fixture.run();
      await fixture.send("bytes");
      const [wanted, failures] = [fixture.calls.slice(0, 3), fixture.calls.slice(3)];
      assert.deepEqual(wanted, ["wanted", "wanted", "wanted"]);
      assert.ok(failures.length === 1 && [ONE, TWO].includes(failures[0] as RangeError), String(failures));
      assert.ok(fixture.disposed.includes("failing"));
      fixture.chain.abort();
      await settled();
    }
  }
});

Deno.test("StageChain reports the error of a TransformStream in front of others", async () => {
  const fixture = new ChainFixture();
  fixture.add("before", identity());
  fixture.add("failing", identity({ transform: () => Promise.reject(ONE) }));
  fixture.add("after", identity());
  fixture.run();
  await fixture.send("bytes");
  assert.deepEqual(fixture.calls.slice(3), [ONE, "end"]);
});

Deno.test("StageChain fails by the streams of a stage that are in use, in front of others too", async () => {
  for (const side of ["readable", "writable"] as const) {
    const fixture = new ChainFixture();
    const used = identity();
    if (side === "readable") used.readable.getReader();
    else used.writable.getWriter();
    fixture.add("used", { readable: used.readable, writable: used.writable });
    fixture.add("after", identity());
    fixture.run();
    await fixture.send("bytes");
    assert.match(String(fixture.calls[2]), /^TypeError/);
    assert.equal(fixture.calls.filter((call) => call instanceof TypeError).length, 1);
  }
});

Deno.test("StageChain fails by a last stage that sends no bytes, and is not broken", async () => {
  const fixture = new ChainFixture();
  fixture.add("text", identity({ transform: (_chunk, controller) => controller.enqueue("text" as never) }));
  fixture.run();
  await fixture.send("bytes");
  assert.match(String(fixture.calls[1]), /^TypeError: The chunks of a filter must be Uint8Arrays/);
  assert.deepEqual([fixture.calls[2], fixture.calls.length], ["end", 3]);
});

Deno.test("StageChain is over when its connection breaks", async () => {
  const fixture = new ChainFixture();
  fixture.add("stage", identity());
  fixture.run();
  fixture.conn.error = new Deno.errors.ConnectionReset("reset");
  await fixture.send("bytes");
  assert.deepEqual(fixture.calls, ["wanted", "connection_reset"]);
  assert.deepEqual([fixture.chain.isRunning, fixture.disposed], [false, ["stage"]]);
});

for (
  const [what, act] of [
    ["fails", (controller: Bytes) => controller.error(ONE)],
    ["ends the stream", (controller: Bytes) => controller.terminate()],
  ] as const
) {
  Deno.test(`StageChain stops and disposes of all before a stage that ${what}, and delivers the rest`, async () => {
    const fixture = new ChainFixture();
    const flushed = Promise.withResolvers<void>();
    let passed = 0;
    const count = (chunk: Uint8Array, controller: Bytes) => {
      passed += 1;
      controller.enqueue(chunk);
    };
    let ending!: Bytes;
    fixture.add("first", identity({ transform: count }));
    fixture.add("second", identity());
    // Its writable side goes on taking chunks, as that of any pair may.
    const { readable, writable } = identity({ start: (controller) => void (ending = controller) });
    const sink = writable.getWriter();
    fixture.add("ending", {
      readable,
      writable: new WritableStream({ write: (chunk) => void sink.write(chunk).catch(() => {}) }),
    });
    fixture.add("slow", identity({ flush: () => flushed.promise }));
    fixture.run();
    await fixture.send("one ", "two");
    act(ending);
    await settled();
    assert.deepEqual(fixture.disposed.toSorted(), ["ending", "first", "second"]);
    const { pulls } = fixture;
    await fixture.send("lost").catch(() => {});
    assert.deepEqual([passed, fixture.pulls], [2, pulls]);
    assert.equal(fixture.calls.includes("end"), false);
    flushed.resolve();
    await settled();
    assert.deepEqual(fixture.calls.slice(4), what === "fails" ? [ONE, "end"] : ["end"]);
    assert.deepEqual([fixture.conn.written, fixture.chain.isRunning], ["one two", false]);
  });
}

Deno.test("StageChain ends with a stage that ends the stream while it is removed, if a chunk was lost", async () => {
  const fixture = new ChainFixture();
  const write = Promise.withResolvers<void>();
  fixture.conn.gate = write.promise;
  const ending = fixture.add(
    "ending",
    identity({
      transform(chunk, controller) {
        controller.enqueue(chunk);
        controller.terminate();
      },
    }),
  );
  fixture.run();
  await fixture.send("last");
  const removed = fixture.chain.remove(ending);
  await settled();
  assert.deepEqual(fixture.calls, ["wanted"]);
  write.resolve();
  await removed;
  await settled();
  assert.deepEqual([fixture.calls, fixture.conn.written], [["wanted", "end"], "last"]);
});

Deno.test("StageChain ends once when a stage fails while it is removed", async () => {
  const fixture = new ChainFixture();
  const failing = fixture.add("failing", identity({ flush: () => Promise.reject(ONE) }));
  fixture.run();
  await fixture.send("bytes");
  await fixture.chain.remove(failing);
  await settled();
  assert.deepEqual([fixture.calls, fixture.disposed], [["wanted", ONE, "end"], ["failing"]]);
});

async function failAfter(controller: Bytes): Promise<void> {
  await microtasks(5);
  controller.error(ONE);
}
