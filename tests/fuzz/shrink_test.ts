/** Shrinking: the shortest list that still fails. */

import assert from "node:assert/strict";
import { shrink } from "./sequence/shrink.ts";

const needs = (...needed: number[]) => (items: readonly number[]) =>
  Promise.resolve(needed.every((item) => items.includes(item)));

Deno.test("shrink() keeps what is needed, in its order", async () => {
  const items = Array.from({ length: 20 }, (_, index) => index);
  const least = await shrink(items, { fails: needs(17, 3), simpler: () => [], goesOn: () => true });
  assert.deepEqual(least, [3, 17]);
});

Deno.test("shrink() puts the simplest that fails in the place of each", async () => {
  const fails = ([item]: readonly number[]) => Promise.resolve(item !== undefined && item >= 10);
  const least = await shrink([50], { fails, simpler: () => [1, 10, 20], goesOn: () => true });
  assert.deepEqual(least, [10]);
});

Deno.test("shrink() stops with its signal", async () => {
  let left = 3;
  const fails = () => Promise.resolve(true);
  const least = await shrink([1, 2, 3, 4, 5, 6, 7, 8], {
    fails,
    simpler: () => [],
    goesOn: () => left-- > 0,
  });
  assert.ok(least.length > 0 && least.length < 8);
});
