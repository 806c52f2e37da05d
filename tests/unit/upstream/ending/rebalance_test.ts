import assert from "node:assert/strict";
import fc from "fast-check";
import type { GroupConfig } from "../../../../src/config/config.ts";
import { type Log, silentLog } from "../../../../src/observe/log/log.ts";
import { excessOf, rebalance } from "../../../../src/upstream/ending/rebalance.ts";
import { FakeTime } from "../../../support/fakes/fake_time.ts";
import { groupConfig } from "../../../support/fakes/upstream_parts.ts";
import { FakeRelays } from "./relays.ts";

interface Member {
  readonly active: number;
  readonly weight?: number;
  readonly part?: number;
  readonly maxConnections?: number;
}

function endpointsOf(members: readonly Member[]) {
  return members.map((member, index) => ({
    key: `e${index}`,
    tier: 0,
    isUp: true,
    health: "unknown" as const,
    weight: 1,
    part: 1,
    maxConnections: 0,
    ...member,
  }));
}

function excess(members: readonly Member[], share = 1): number[] {
  const endpoints = endpointsOf(members);
  const found = excessOf(endpoints, share);
  return endpoints.map((endpoint) => found.get(endpoint) ?? 0);
}

Deno.test("excessOf() is what an endpoint has beyond its share and a tenth, within its part of each round", () => {
  assert.deepEqual(excess([{ active: 100 }, { active: 100 }, { active: 0 }]), [26, 26, 0]);
  assert.deepEqual(excess([{ active: 100 }, { active: 100 }, { active: 0 }], 0.05), [5, 5, 0]);
  assert.deepEqual(excess([{ active: 11 }, { active: 9 }]), [0, 0], "within a tenth");
  assert.deepEqual(excess([{ active: 12 }, { active: 8 }], 0.01), [1, 0]);
  assert.deepEqual(excess([{ active: 30, weight: 3 }, { active: 10 }]), [0, 0]);
  assert.deepEqual(
    excess([{ active: 20 }, { active: 0, part: 0.5 }]),
    [5, 0],
    "no more than a slow start allows",
  );
  assert.deepEqual(excess([{ active: 20 }, { active: 4, maxConnections: 5 }]), [1, 0], "what fits elsewhere");
  assert.deepEqual([excess([{ active: 7 }]), excess([]), excess([{ active: 0 }, { active: 0 }])], [[0], [], [
    0,
    0,
  ]]);
});

Deno.test("excessOf() never asks for more than the others lack, and comes to rest", () => {
  const member = fc.record({ active: fc.nat(50), weight: fc.integer({ min: 1, max: 5 }) });
  fc.assert(
    fc.property(
      fc.array(member, { minLength: 1, maxLength: 6 }),
      fc.double({ min: 0.01, max: 1, noNaN: true }),
      (members, share) => {
        const counts = members.map(({ active }) => active);
        for (let round = 0;; round++) {
          assert.ok(round < 500, "it goes on for ever");
          const now = excess(members.map(({ weight }, index) => ({ weight, active: counts[index]! })), share);
          const sum = now.reduce((all, count) => all + count, 0);
          if (sum === 0) return;
          for (const [index, count] of now.entries()) {
            assert.ok(count >= 0 && count <= Math.ceil(share * counts[index]!));
            counts[index]! -= count;
          }
          // Clients come back to the one with the fewest for its weight.
          for (let client = 0; client < sum; client++) {
            const loads = counts.map((count, index) => count / members[index]!.weight);
            counts[loads.indexOf(Math.min(...loads))]! += 1;
          }
        }
      },
    ),
  );
});

Deno.test("rebalance() closes idle connections at intervals, of endpoints in the tier in use", async () => {
  using time = new FakeTime();
  const relays = new FakeRelays(2);
  const open = (index: number, count: number) =>
    Array.from({ length: count }, (_, thread) => relays.open(`e${index}`, thread % 2));
  const many = open(0, 20);
  open(2, 9);
  const lines: unknown[] = [];
  const note: Log["info"] = (_message, fields) => void lines.push([fields?.["event"], fields?.["closed"]]);
  const config: GroupConfig = groupConfig({ rebalance: { share: 0.2, every: 60_000, quiet: 2000 } });
  const endpoints = endpointsOf([{ active: 0 }, { active: 0 }, { active: 0 }]).map((endpoint, index) => ({
    ...endpoint,
    tier: index === 2 ? 1 : 0,
    get active() {
      return relays.activeAt(endpoint.key);
    },
  }));
  const stopping = new AbortController();
  const running = rebalance(config, () => endpoints, relays, { ...silentLog(), info: note }, stopping.signal);
  await time.advance(57_000);
  assert.equal(relays.queries.length, 0);
  await time.advance(1500);
  for (const busy of many.slice(0, 18)) busy.activity += 1;
  await time.advance(2000);
  const ended = () =>
    many.map((relay, index) => relay.ended === undefined ? -1 : index).filter((each) => each >= 0);
  assert.deepEqual([ended(), lines.splice(0)], [[18, 19], [["rebalanced", 2]]], "no more than two are idle");
  await time.advance(60_000);
  assert.deepEqual([ended().length, lines.splice(0)], [6, [["rebalanced", 4]]], "a fifth, rounded up");
  assert.deepEqual(ended().map((index) => many[index]!.ended).at(0), "rebalance");
  stopping.abort();
  await running;
});
