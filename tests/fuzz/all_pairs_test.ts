/** Options chosen pairwise: every possible pair of values of two options occurs. */

import assert from "node:assert/strict";
import { allPairs, pairsIn } from "./all_pairs.ts";
import { FACTORS, isPossible, serviceRows } from "./services.ts";
import { Random } from "../support/random.ts";

Deno.test("allPairs() covers every pair in fewer rows than there are combinations", () => {
  const factors = { a: ["1", "2", "3"], b: ["1", "2", "3"], c: ["1", "2", "3"], d: ["1", "2", "3"] } as const;
  const rows = allPairs(factors, () => true, new Random(7));
  const pairs = new Set(rows.flatMap(pairsIn));
  assert.equal(pairs.size, 6 * 9);
  assert.ok(rows.length >= 9 && rows.length <= 18, `${rows.length} rows of 81`);
});

Deno.test("allPairs() leaves out what is impossible, and no more", () => {
  const factors = { a: ["1", "2"], b: ["1", "2"], c: ["1", "2"] } as const;
  const rows = allPairs(factors, ({ a, b }) => !(a === "1" && b === "1"), new Random(7));
  const pairs = new Set(rows.flatMap(pairsIn));
  assert.ok(!pairs.has("a=1 b=1"));
  assert.equal(pairs.size, 3 * 4 - 1);
});

Deno.test("serviceRows() has every value of every option, the same ones for the same seed", () => {
  const rows = serviceRows(new Random(3));
  assert.deepEqual(rows, serviceRows(new Random(3)));
  assert.ok(rows.every(isPossible));
  for (const [name, values] of Object.entries(FACTORS)) {
    const used = new Set(rows.map((row) => row[name as keyof typeof row]));
    assert.deepEqual([...used].sort(), [...values].sort(), name);
  }
});
