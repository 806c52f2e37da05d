import assert from "node:assert/strict";
import fc from "fast-check";
import { ReceiveBuffer } from "../../../../src/net/socket/receive_buffer.ts";

Deno.test("ReceiveBuffer.take() copies chunks of any size to buffers of any size, in order and once", () => {
  const chunk = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 20 }),
    fc.integer({ min: 4096, max: 9000 }).map((length) => Uint8Array.from({ length }, (_, at) => at % 251)),
  );
  const buffer = fc.oneof(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 4000, max: 20_000 }));
  fc.assert(fc.property(fc.array(fc.oneof(chunk, buffer)), (steps) => {
    const arrived = new ReceiveBuffer();
    const sent: number[] = [];
    const taken: number[] = [];
    for (const step of steps) {
      if (typeof step !== "number") {
        sent.push(...step);
        arrived.push(step.slice());
        continue;
      }
      const bytes = new Uint8Array(step);
      const waiting = arrived.byteLength;
      const count = arrived.takeInto(bytes);
      assert.equal(count, Math.min(step, waiting));
      assert.equal(arrived.byteLength, waiting - count);
      taken.push(...bytes.subarray(0, count));
    }
    assert.equal(taken.length + arrived.byteLength, sent.length);
    assert.deepEqual(taken, sent.slice(0, taken.length));
  }));
});

Deno.test("ReceiveBuffer.take() frees the memory of whole chunks, and keeps the rest of a chunk", () => {
  const arrived = new ReceiveBuffer();
  const chunks = [new Uint8Array(65_536).fill(1), new Uint8Array(65_536).fill(2)];
  for (const chunk of chunks) arrived.push(chunk);
  const buffer = new Uint8Array(100_000);
  assert.equal(arrived.takeInto(buffer), 100_000);
  assert.deepEqual(chunks.map((chunk) => chunk.byteLength), [0, 65_536]);
  assert.deepEqual([buffer[65_535], buffer[65_536], buffer[99_999]], [1, 2, 2]);
  assert.equal(arrived.takeInto(buffer), 2 * 65_536 - 100_000);
});
