import assert from "node:assert/strict";
import { FakeTime } from "../../support/fakes/fake_time.ts";
import { largestChunkAt } from "../../../src/faults/kinds/bandwidth.ts";
import { stageContext } from "../../../src/relay/stages.ts";
import { throttle } from "../../../src/relay/throttle.ts";
import { CONNECTION } from "./relay_fixture.ts";

const RATE = 100_000;

Deno.test("throttle() passes bytes at the rate on average, and at most 100 ms of it at once", async () => {
  const size = largestChunkAt(RATE);
  const passed: { at: number; bytes: number }[] = [];
  const startedAt = performance.now();
  await ReadableStream.from(chunks(size, 10))
    .pipeThrough(throttlingStream(RATE, new AbortController().signal))
    .pipeTo(
      new WritableStream({
        write: (chunk) => void passed.push({ at: performance.now() - startedAt, bytes: chunk.byteLength }),
      }),
    );
  for (const [index, { at }] of passed.entries()) {
    // All bytes up to this chunk are at most the burst, 50 ms, ahead of the exact rate.
    const total = passed.slice(0, index + 1).reduce((sum, { bytes }) => sum + bytes, 0);
    assert.ok(total <= (at + 51) * RATE / 1000, `${total} bytes after ${at} ms`);
  }
  const last = passed.at(-1)!.at;
  assert.ok(last >= 499, `${last} ms for 500 ms' worth`);
});

Deno.test("throttle() passes a small chunk on unchanged", async () => {
  const chunk = new Uint8Array([1, 2, 3]);
  const reader = ReadableStream.from([chunk])
    .pipeThrough(throttlingStream(RATE, new AbortController().signal)).getReader();
  assert.equal((await reader.read()).value, chunk);
  assert.equal((await reader.read()).done, true);
});

Deno.test("throttle() stops waiting when its signal aborts", async () => {
  const stop = new AbortController();
  const stream = ReadableStream.from(chunks(1000, 2)).pipeThrough(throttlingStream(1, stop.signal));
  const drained = Array.fromAsync(stream);
  stop.abort();
  assert.equal((await drained).reduce((sum, { byteLength }) => sum + byteLength, 0), 2000);
});

Deno.test("largestChunkAt() is 50 ms of the rate, and at least a byte", () => {
  assert.equal(largestChunkAt(RATE), 5000);
  assert.equal(largestChunkAt(1), 1);
  assert.equal(throttle(RATE)(contextUntil(new AbortController().signal))!.largestChunk, 5000);
});

Deno.test("throttle() splits a larger chunk of an earlier stage, each piece at its time", async () => {
  using time = new FakeTime();
  const passed: number[] = [];
  const done = ReadableStream.from([new Uint8Array(250)]).pipeThrough(
    throttlingStream(1000, new AbortController().signal),
  )
    .pipeTo(new WritableStream({ write: ({ byteLength }) => void passed.push(byteLength) }));
  await time.advance(50);
  assert.deepEqual(passed, [50]);
  await time.advance(150);
  assert.deepEqual(passed, [50, 50, 50, 50]);
  await time.advance(50);
  await done;
  assert.deepEqual(passed, [50, 50, 50, 50, 50]);
});

function throttlingStream(rate: number, signal: AbortSignal) {
  return throttle(rate)(contextUntil(signal))!.transform;
}

function contextUntil(signal: AbortSignal) {
  const nothing = () => {};
  return stageContext(CONNECTION, { close: nothing, reset: nothing }, { signal, position: 0, seed: [] });
}

function* chunks(size: number, count: number): Generator<Uint8Array> {
  for (let index = 0; index < count; index++) yield new Uint8Array(size);
}
