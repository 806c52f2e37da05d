import assert from "node:assert/strict";
import { SharedCounter } from "../../../src/shared/shared_counter.ts";

Deno.test("SharedCounter.next() counts on in the same memory", () => {
  const counter = new SharedCounter();
  const other = new SharedCounter(counter.memory);
  assert.deepEqual([counter.value, counter.next(), other.next(), counter.next()], [0, 1, 2, 3]);
  assert.deepEqual([counter.value, other.value], [3, 3]);
});

Deno.test("SharedCounter.take() stops at its limit, which may grow", () => {
  const counter = new SharedCounter();
  const other = new SharedCounter(counter.memory);
  const taken = [counter.take(2), other.take(2), counter.take(2), other.take(2), other.take(3)];
  assert.deepEqual(taken, [true, true, false, false, true]);
  assert.equal(counter.value, 3);
});
