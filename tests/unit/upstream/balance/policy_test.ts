import assert from "node:assert/strict";
import fc from "fast-check";
import { leastConnections } from "../../../../src/upstream/balance/least_connections.ts";
import type { Candidate, Policy } from "../../../../src/upstream/balance/policy.ts";
import { randomTwo } from "../../../../src/upstream/balance/random_two.ts";
import { roundRobin } from "../../../../src/upstream/balance/round_robin.ts";
import { sourceHash } from "../../../../src/upstream/balance/source_hash.ts";
import { TurnCredits } from "../../../../src/upstream/balance/smooth_weighted_round_robin.ts";

const MAX_ENDPOINTS = 4096;
let nextId = 0;

function credits(): TurnCredits {
  return new TurnCredits(MAX_ENDPOINTS);
}

class Endpoint implements Candidate {
  active = 0;
  part = 1;
  picks = 0;
  isUp = true;

  readonly id = nextId++ % MAX_ENDPOINTS;

  constructor(readonly key: string, readonly weight: number) {}
}

const POLICIES: Record<string, (random: () => number) => Policy> = {
  round_robin: () => roundRobin(credits()),
  least_connections: () => leastConnections(credits()),
  random_two: (random) => randomTwo(random),
  source_hash: () => sourceHash(),
};
const SEED = 20_260_101;
const PICKS = 100_000;

for (const [name, make] of Object.entries(POLICIES)) {
  // Without open connections, loads are always equal.
  for (const [open, connections] of [[0, "none"], [1000, "a thousand"], [Infinity, "all"]] as const) {
    Deno.test(`${name} keeps to weights within 2 percentage points while ${connections} of the connections stay open`, () => {
      for (
        const weights of [
          [1, 1, 1, 1],
          [1, 2, 3],
          [10, 1],
          [1, 0, 5, 20, 7, 1].map((weight) => weight + 1),
        ]
      ) {
        const random = seededRandom(SEED);
        const endpoints = endpointsOf(weights);
        pickOften(make(random), endpoints, random, open);
        const total = weights.reduce((sum, weight) => sum + weight);
        for (const { picks, weight } of endpoints) {
          const points = 100 * Math.abs(picks / PICKS - weight / total);
          assert.ok(points <= 2, `${points} points off for weight ${weight} of ${weights}`);
        }
      }
    });
  }

  for (const [open, connections] of [[0, "none"], [1000, "a thousand"]] as const) {
    Deno.test(`${name} gives an endpoint in a slow start a part of its share while ${connections} of the connections stay open`, () => {
      for (const part of [0.05, 0.5]) {
        const random = seededRandom(SEED);
        const endpoints = endpointsOf([1, 3, 2]);
        endpoints[1]!.part = part;
        pickOften(make(random), endpoints, random, open);
        // A client of source_hash goes to its endpoint or elsewhere, so the others do not lower that part.
        const expected = name === "source_hash" ? part * 3 / 6 : part * 3 / (3 + part * 3);
        const points = 100 * Math.abs(endpoints[1]!.picks / PICKS - expected);
        assert.ok(points <= 2, `${points} points off for a part of ${part}`);
      }
    });
  }

  Deno.test(`${name} chooses an endpoint that is allowed, and none when none is`, () => {
    const weights = fc.array(fc.integer({ min: 1, max: 1000 }), { maxLength: 8 });
    const moment = fc.record({
      up: fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }),
      client: fc.ipV4(),
    });
    const moments = fc.array(moment, { maxLength: 30 });
    fc.assert(
      fc.property(fc.tuple(weights, weights), moments, fc.integer(), ([some, others], list, seed) => {
        const policy = make(seededRandom(seed));
        const groups = [endpointsOf(some), endpointsOf(others)];
        for (const [turn, { up, client }] of list.entries()) {
          const endpoints = groups[turn % 2]!;
          const allowed = new Set(endpoints.filter((_, index) => up[index]));
          const chosen = policy({ endpoints, client, isAllowed: (endpoint) => allowed.has(endpoint) });
          assert.equal(chosen !== undefined, allowed.size > 0);
          if (chosen === undefined) continue;
          assert.ok(allowed.has(chosen));
          chosen.active += 1;
        }
      }),
      // Each run builds tables.
      name === "source_hash" ? { numRuns: 20 } : {},
    );
  });
}

Deno.test("round robin takes equal endpoints in their order", () => {
  const policy = roundRobin(credits());
  assert.equal(keysOf(policy, endpointsOf([1, 1, 1]), 3000), "abc".repeat(1000));
});

Deno.test("round robin spreads the turns of heavy endpoints", () => {
  assert.equal(keysOf(roundRobin(credits()), endpointsOf([5, 1, 1]), 21), "aabacaa".repeat(3));
  assert.equal(keysOf(roundRobin(credits()), endpointsOf([1, 2]), 9), "bab".repeat(3));
});

Deno.test("round robin is at most two picks off at any time, with endpoints added, removed, failing or returning", () => {
  const max = fc.constantFrom(1, 10, 1000);
  const weights = max.chain((most) =>
    fc.array(fc.integer({ min: 1, max: most }), { minLength: 2, maxLength: 8 })
  );
  const flags = fc.array(fc.boolean(), { minLength: 8, maxLength: 8 });
  const phase = fc.record({ up: flags, replaced: flags, picks: fc.integer({ min: 1, max: 30 }) });
  fc.assert(fc.property(weights, fc.array(phase, { maxLength: 30 }), (each, phases) => {
    const policy = roundRobin(credits());
    let endpoints = endpointsOf(each);
    for (const { up, replaced, picks } of phases) {
      endpoints = endpoints.map((endpoint, index) =>
        replaced[index] ? new Endpoint(endpoint.key, endpoint.weight) : endpoint
      );
      for (const [index, endpoint] of endpoints.entries()) endpoint.isUp = up[index]!;
      assertFair(policy, endpoints, picks, 2);
    }
  }));
});

Deno.test("round robin sends no burst to an endpoint that returns after a long time", () => {
  const policy = roundRobin(credits());
  const endpoints = endpointsOf([1, 1, 1]);
  assert.equal(keysOf(policy, endpoints, 2), "ab");
  endpoints[2]!.isUp = false;
  keysOf(policy, endpoints, 1000);
  endpoints[2]!.isUp = true;
  const keys = keysOf(policy, endpoints, 30);
  assert.doesNotMatch(keys, /cc/);
  assert.equal(keys.replaceAll(/[^c]/g, ""), "c".repeat(10));
});

Deno.test("round robin continues its sequence when endpoints are added and removed", () => {
  const policy = roundRobin(credits());
  const [a, b, c, d] = endpointsOf([1, 1, 1, 1]) as [Endpoint, Endpoint, Endpoint, Endpoint];
  assert.equal(keysOf(policy, [a, b, c], 1), "a");
  assert.equal(keysOf(policy, [a, b], 2), "ba");
  assert.equal(keysOf(policy, [a, b, d], 3), "bda");
});

Deno.test("round robin treats light endpoints fairly after a heavy one was removed", () => {
  const policy = roundRobin(credits());
  const [a, b, heavy] = endpointsOf([1, 1, 1000]) as [Endpoint, Endpoint, Endpoint];
  keysOf(policy, [a, b, heavy], 700);
  assertFair(policy, [a, b], 20, 2);
});

Deno.test("round robin treats a new endpoint fairly after a thousand others were added and removed", () => {
  const policy = roundRobin(credits());
  const stay = endpointsOf([1, 1, 1, 1]);
  for (let turn = 0; turn < 1000; turn++) {
    // Removed right after its turn, so that each leaves with a debt.
    const endpoints = [new Endpoint("brief", 1), ...stay];
    let next: Endpoint | undefined;
    do next = policy({ endpoints, client: "", isAllowed: () => true }); while (next !== endpoints[0]);
  }
  assertFair(policy, [new Endpoint("new", 1), ...stay], 50, 2);
});

Deno.test("least connections takes the lowest load for its weight", () => {
  const endpoints = endpointsOf([1, 2, 4]);
  for (const [index, active] of [3, 5, 11].entries()) endpoints[index]!.active = active;
  assert.equal(keysOf(leastConnections(credits()), endpoints, 3), "bbb");
  endpoints[1]!.isUp = false;
  assert.equal(keysOf(leastConnections(credits()), endpoints, 3), "ccc");
});

Deno.test("least connections has endpoints of equal load take turns", () => {
  const endpoints = endpointsOf([1, 1, 2, 1]);
  for (const [index, active] of [2, 3, 4, 2].entries()) endpoints[index]!.active = active;
  assert.equal(keysOf(leastConnections(credits()), endpoints, 8), "cadccadc");
});

Deno.test("random two draws by weight, then takes the lower load", () => {
  const pick = (points: number[], loads: number[]) => {
    const endpoints = endpointsOf([1, 2, 1]);
    for (const [index, active] of loads.entries()) endpoints[index]!.active = active;
    const rest = [...points];
    return keysOf(randomTwo(() => rest.shift()!), endpoints, 1);
  };
  // The first point is on a line a b b c, the second on the rest of it.
  assert.equal(pick([0, 0], [0, 0, 0]), "a");
  assert.equal(pick([0.25, 0], [0, 0, 0]), "b");
  assert.equal(pick([0.75, 0], [0, 0, 0]), "c");
  assert.equal(pick([0, 0.66], [1, 0, 0]), "b");
  assert.equal(pick([0, 0.67], [1, 0, 0]), "c");
  assert.equal(pick([0.25, 0.5], [0, 2, 1]), "b");
  assert.equal(pick([0.25, 0.5], [0, 3, 1]), "c");
  assert.equal(pick([0.25, 0.49], [0, 3, 1]), "a");
});

Deno.test("random two keeps loads of equal endpoints close together", () => {
  const random = seededRandom(SEED);
  const endpoints = endpointsOf(Array(10).fill(1));
  pickOften(randomTwo(random), endpoints, random, Infinity);
  const loads = endpoints.map(({ active }) => active);
  // Drawing a single random endpoint would spread them by hundreds.
  assert.ok(Math.max(...loads) - Math.min(...loads) <= 10, String(loads));
});

/** Picks and opens this many connections; ends a random one whenever more than `open` are open. */
function pickOften(policy: Policy, endpoints: readonly Endpoint[], random: () => number, open: number): void {
  const connections: Endpoint[] = [];
  for (let pick = 0; pick < PICKS; pick++) {
    const client = Array.from({ length: 4 }, () => Math.floor(random() * 256)).join(".");
    const endpoint = policy({ endpoints, client, isAllowed: () => true });
    assert.ok(endpoint);
    endpoint.picks += 1;
    endpoint.active += 1;
    connections.push(endpoint);
    if (connections.length <= open) continue;
    const ending = Math.floor(random() * connections.length);
    connections[ending]!.active -= 1;
    connections[ending] = connections.at(-1)!;
    connections.pop();
  }
}

/** After each of this many picks, every endpoint has its share of them, plus or minus `most`. */
function assertFair(policy: Policy, endpoints: readonly Endpoint[], picks: number, most: number): void {
  const up = endpoints.filter(({ isUp }) => isUp);
  const total = up.reduce((sum, { weight }) => sum + weight, 0);
  const counts = new Map(up.map((endpoint) => [endpoint, 0]));
  for (let pick = 1; pick <= picks && up.length > 0; pick++) {
    const chosen = policy({ endpoints, client: "", isAllowed: ({ isUp }) => isUp });
    assert.ok(chosen);
    counts.set(chosen, counts.get(chosen)! + 1);
    for (const [{ key, weight }, count] of counts) {
      const share = pick * weight / total;
      assert.ok(
        Math.abs(count - share) <= most,
        `${key} has ${count} of ${pick} picks, its share is ${share}`,
      );
    }
  }
}

function keysOf(policy: Policy, endpoints: readonly Endpoint[], picks: number): string {
  const choice = { endpoints, client: "192.0.2.1", isAllowed: ({ isUp }: Endpoint) => isUp };
  return Array.from({ length: picks }, () => policy(choice)?.key).join("");
}

/** Endpoints a, b, c … */
function endpointsOf(weights: readonly number[]): Endpoint[] {
  return weights.map((weight, index) => new Endpoint(String.fromCharCode(97 + index), weight));
}

/** Mulberry32: the same numbers from 0 to below 1 for the same seed. */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = state + 0x6d2b79f5 | 0;
    let mixed = Math.imul(state ^ state >>> 15, 1 | state);
    mixed = mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed) ^ mixed;
    return ((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32;
  };
}
