import assert from "node:assert/strict";
import { median, medianRatio, percentile } from "./statistics.ts";

Deno.test("the median is the middle one, or between the two in the middle", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([10, 1, 2, 3]), 2.5);
  assert.equal(median([7]), 7);
});

Deno.test("the median leaves out rounds that failed", () => {
  assert.equal(median([undefined, 5, undefined, 1, 3]), 3);
  assert.equal(median([undefined]), null);
  assert.equal(median([]), null);
});

Deno.test("a ratio is taken within each round, and the median of those counts", () => {
  // The medians, 20 and 10, would give 2.
  assert.equal(medianRatio([10, 20, 90], [10, 40, 10]), 1);
});

Deno.test("a ratio leaves out rounds without both values, and a reference of zero", () => {
  assert.equal(medianRatio([10, undefined, 30, 40], [5, 1, undefined, 10]), 3);
  assert.equal(medianRatio([10], [0]), null);
  assert.equal(medianRatio([10], []), null);
});

Deno.test("a percentile is the smallest value that this share does not exceed", () => {
  const hundred = Array.from({ length: 100 }, (_, which) => 100 - which);
  assert.equal(percentile(hundred, 50), 50);
  assert.equal(percentile(hundred, 99), 99);
  assert.equal(percentile(hundred, 99.9), 100);
  assert.equal(percentile([4], 99), 4);
  assert.equal(percentile([2, 1], 0), 1);
  assert.throws(() => percentile([], 50), { message: "nothing was measured" });
});

Deno.test("a percentile sorts by value and leaves the values as they were", () => {
  const values = [9, 10, 100];
  assert.equal(percentile(values, 99), 100);
  assert.deepEqual(values, [9, 10, 100]);
});
