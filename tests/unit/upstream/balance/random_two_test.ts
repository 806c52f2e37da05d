import assert from "node:assert/strict";
import type { Candidate } from "../../../../src/upstream/balance/policy.ts";
import { randomTwo } from "../../../../src/upstream/balance/random_two.ts";

/** The choice among candidates with these weights and connections, for given random numbers. */
function chosen(candidates: readonly [weight: number, active: number][], chance: number[], but?: number) {
  const endpoints = candidates.map(([weight, active], id): Candidate => ({
    id,
    key: String(id),
    weight,
    part: 1,
    active,
  }));
  const policy = randomTwo(() => chance.shift()!);
  const choice = { endpoints, client: "", isAllowed: ({ id }: Candidate) => id !== but };
  return policy(choice)?.id;
}

Deno.test("randomTwo draws two by weight and takes the one with the lower load", () => {
  // The first of the weights 1 and 3, then the only other one.
  assert.equal(chosen([[1, 0], [3, 9]], [0.24, 0]), 0);
  assert.equal(chosen([[1, 9], [3, 0]], [0.24, 0]), 1);
  assert.equal(chosen([[1, 0], [3, 0]], [0.24, 0]), 0);
  assert.equal(chosen([[1, 0], [3, 0]], [0.25, 0]), 1, "of equals the first drawn");
  assert.equal(chosen([[1, 1], [3, 2]], [0, 0]), 1, "load is by weight");
});

Deno.test("randomTwo draws the second among the others, by weight", () => {
  const three: [number, number][] = [[2, 1], [1, 0], [3, 0]];
  assert.equal(chosen(three, [0, 0.24]), 1);
  assert.equal(chosen(three, [0, 0.25]), 2);
  assert.equal(chosen(three, [0, 0.99]), 2);
});

Deno.test("randomTwo skips endpoints that are not allowed, and takes the only one left", () => {
  assert.equal(chosen([[1, 0], [1, 9]], [0], 0), 1);
  assert.equal(chosen([[1, 0]], [0], 0), undefined);
  assert.equal(chosen([], [0]), undefined);
  assert.equal(chosen([[1, 0], [1, 5], [1, 7]], [0, 0], 0), 1);
});
