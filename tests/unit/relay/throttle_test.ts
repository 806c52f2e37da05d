import assert from "node:assert/strict";
import { bufferForRate, throttlingStream } from "../../../src/relay/throttle.ts";

const RATE = 100_000;

Deno.test("bytes pass at the rate on average, and no more than 100 ms of it at once", async () => {
  const size = bufferForRate(RATE, 1 << 20);
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
    // Up to here, and at least the burst of 50 ms earlier than at the exact rate.
    const total = passed.slice(0, index + 1).reduce((sum, { bytes }) => sum + bytes, 0);
    assert.ok(total <= (at + 51) * RATE / 1000, `${total} bytes after ${at} ms`);
  }
  const last = passed.at(-1)!.at;
  assert.ok(last >= 449, `${last} ms for 500 ms' worth with a burst of 50`);
});

Deno.test("a chunk passes on as it is", async () => {
  const chunk = new Uint8Array([1, 2, 3]);
  const reader = ReadableStream.from([chunk])
    .pipeThrough(throttlingStream(RATE, new AbortController().signal)).getReader();
  assert.equal((await reader.read()).value, chunk);
  assert.equal((await reader.read()).done, true);
});

Deno.test("aborting ends the wait", async () => {
  const stop = new AbortController();
  const stream = ReadableStream.from(chunks(1000, 2)).pipeThrough(throttlingStream(1, stop.signal));
  const drained = Array.fromAsync(stream);
  stop.abort();
  assert.equal((await drained).length, 2);
});

Deno.test("the buffer for a rate holds 50 ms of it, at least a byte, at most buffer_size", () => {
  assert.equal(bufferForRate(RATE, 1 << 20), 5000);
  assert.equal(bufferForRate(1, 1 << 20), 1);
  assert.equal(bufferForRate(1e9, 4096), 4096);
});

function* chunks(size: number, count: number): Generator<Uint8Array> {
  for (let index = 0; index < count; index++) yield new Uint8Array(size);
}
