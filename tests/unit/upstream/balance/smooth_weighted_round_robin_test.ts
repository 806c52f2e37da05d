import assert from "node:assert/strict";
import type { Candidate } from "../../../../src/upstream/balance/policy.ts";
import {
  SmoothWeightedRoundRobin,
  TurnCredits,
} from "../../../../src/upstream/balance/smooth_weighted_round_robin.ts";

function candidates(...weights: number[]): Candidate[] {
  return weights.map((weight, id) => ({ id, key: String(id), weight, part: 1, active: 0 }));
}

function ids(
  turns: SmoothWeightedRoundRobin,
  endpoints: readonly Candidate[],
  count: number,
  but?: number,
): string {
  const next = () => turns.next(endpoints, (_, index) => index !== but)!;
  return Array.from({ length: count }, () => next().id).join("");
}

Deno.test("SmoothWeightedRoundRobin interleaves by weight, the earlier first on a tie", () => {
  assert.equal(
    ids(new SmoothWeightedRoundRobin(new TurnCredits(3)), candidates(5, 1, 1), 14),
    "00102000010200",
  );
  assert.equal(ids(new SmoothWeightedRoundRobin(new TurnCredits(3)), candidates(1, 1, 1), 7), "0120120");
});

Deno.test("SmoothWeightedRoundRobin gives no credit to endpoints that are not allowed, and no turn if none is", () => {
  const credits = new TurnCredits(3);
  const turns = new SmoothWeightedRoundRobin(credits);
  const endpoints = candidates(1, 1, 1);
  assert.equal(ids(turns, endpoints, 4, 0), "1212");
  assert.equal(credits.credits[0], 0);
  assert.equal(ids(turns, endpoints, 3), "012");
  assert.equal(turns.next(endpoints, () => false), undefined);
  assert.equal(turns.next([], () => true), undefined);
});

Deno.test("SmoothWeightedRoundRobin shares its sequence between threads, by endpoint number", () => {
  const here = new TurnCredits(4);
  const there = new TurnCredits(4, here.memory);
  assert.equal(there.memory, here.memory);
  const [one, other] = [new SmoothWeightedRoundRobin(here), new SmoothWeightedRoundRobin(there)];
  const endpoints = candidates(1, 1, 1).map((each, index) => ({ ...each, id: 3 - index }));
  const picked = [one, other, one, other].map((turns) => ids(turns, endpoints, 1)).join("");
  assert.equal(picked, "3213");
  here.reset(3);
  assert.deepEqual([there.credits[3], here.credits[0]], [0, 0]);
});

Deno.test("TurnCredits has room for every endpoint, beside its lock", () => {
  const { memory, credits } = new TurnCredits(5);
  assert.deepEqual([memory.byteLength, credits.length, credits.byteOffset], [48, 5, 8]);
});

Deno.test("SmoothWeightedRoundRobin adds up what an allowed endpoint earns and pays", () => {
  const credits = new TurnCredits(2);
  const turns = new SmoothWeightedRoundRobin(credits);
  const endpoints = candidates(3, 1);
  assert.equal(ids(turns, endpoints, 1), "0");
  assert.deepEqual([...credits.credits], [-0.25, 0.25]);
  assert.equal(ids(turns, endpoints, 1), "0");
  assert.deepEqual([...credits.credits], [-0.5, 0.5]);
});

Deno.test("SmoothWeightedRoundRobin ignores entries of an earlier, longer list", () => {
  const turns = new SmoothWeightedRoundRobin(new TurnCredits(3));
  assert.equal(ids(turns, candidates(1, 1, 1), 1), "0");
  assert.equal(ids(turns, candidates(1, 1), 2), "10");
});
