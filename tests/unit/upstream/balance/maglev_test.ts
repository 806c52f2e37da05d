import assert from "node:assert/strict";
import fc from "fast-check";
import { hash, MaglevTable } from "../../../../src/upstream/balance/maglev.ts";
import type { Candidate, Choice } from "../../../../src/upstream/balance/policy.ts";
import { sourceHash } from "../../../../src/upstream/balance/source_hash.ts";

const SIZE = 65_537;
const CLIENTS = Array.from({ length: 20_000 }, (_, index) => `10.${index % 3}.${index >> 8}.${index & 255}`);

Deno.test("hash() is MurmurHash3", () => {
  // Published test vectors of MurmurHash3_x86_32; two bytes of each are one UTF-16 code unit.
  const cases: [bytes: string, seed: number, expected: number][] = [
    ["", 0, 0],
    ["", 1, 0x514e28b7],
    ["", 0xffffffff, 0x81f16f39],
    ["\xff\xff\xff\xff", 0, 0x76293b50],
    ["test", 0, 0xba6bd213],
    ["test", 0x9747b28c, 0x704b81dc],
    ["aa", 0x9747b28c, 0x5d211726],
    ["aaaa", 0x9747b28c, 0x5a97808a],
  ];
  for (const [bytes, seed, expected] of cases) {
    const text = bytes.replace(
      /../gs,
      (pair) => String.fromCharCode(pair.charCodeAt(0) | pair.charCodeAt(1) << 8),
    );
    assert.equal(hash(text, seed), expected, `${bytes} ${seed}`);
  }
});

Deno.test("MaglevTable is the same in every version, so that old and new proxies agree", () => {
  const table = new MaglevTable([
    { key: "10.0.0.1:5432", weight: 1 },
    { key: "10.0.0.2:5432", weight: 2 },
    { key: "[2001:db8::1]:5432", weight: 1 },
    { key: "unix:/run/größe.sock", weight: 3 },
  ]);
  const found = ["192.0.2.1", "192.0.2.2", "2001:db8::7", ""].map((client) => table.find(client, 0));
  assert.deepEqual(found, [3, 2, 3, 1]);
  assert.equal(hash(table.slots.join(), 0), 3_290_930_634);
});

Deno.test("MaglevTable gives equal members shares within 1 %, up to 655 members", () => {
  for (const count of [1, 2, 3, 10, 100, 655]) {
    const slots = slotsByMember(membersOf(Array(count).fill(1)));
    assert.ok(Math.max(...slots) - Math.min(...slots) <= Math.min(...slots) / 100, `${count}: ${slots}`);
  }
});

Deno.test("MaglevTable shares its slots by weight", () => {
  for (const weights of [[1, 2], [1, 1, 10, 100], [1000, ...Array(99).fill(1)], [3, 7, 5, 65_535]]) {
    const total = weights.reduce((sum, weight) => sum + weight);
    for (const [index, slots] of slotsByMember(membersOf(weights)).entries()) {
      const share = SIZE * weights[index]! / total;
      assert.ok(Math.abs(slots - share) <= SIZE / 1000, `${weights}: ${slots} instead of ${share}`);
    }
  }
});

Deno.test("MaglevTable does not depend on the order of its members", () => {
  const weights = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 12 });
  const orders = weights.chain((list) => {
    const members = membersOf(list);
    return fc.tuple(fc.constant(members), fc.shuffledSubarray(members, { minLength: members.length }));
  });
  fc.assert(
    fc.property(orders, ([one, other]) => {
      const owners = [one, other].map((members) => {
        const table = new MaglevTable(members);
        return Array.from(table.slots, (index) => members[index]!.key);
      });
      assert.ok(owners[0]!.every((key, slot) => key === owners[1]![slot]));
    }),
    { numRuns: 20 },
  );
});

Deno.test("MaglevTable moves at most 1/N + 2 % of the clients when one of N endpoints is removed", () => {
  for (let count = 2; count <= 20; count++) {
    const endpoints = membersOf(Array(count).fill(1));
    const before = placesOf(endpoints);
    for (const removed of new Set([endpoints[0], endpoints[count >> 1]])) {
      const after = placesOf(endpoints.filter((endpoint) => endpoint !== removed));
      const moved = CLIENTS.filter((_, index) => before[index] !== after[index]).length / CLIENTS.length;
      assert.ok(moved <= 1 / count + 0.02, `${moved} of the clients of ${count}`);
      assert.ok(moved >= 1 / count - 0.02, `${moved} of the clients of ${count}`);
    }
  }
});

Deno.test("sourceHash moves only the clients of an endpoint that is not allowed, and spreads them", () => {
  const endpoints = membersOf([1, 1, 2, 4, 1]);
  const before = placesOf(endpoints);
  for (const down of endpoints) {
    const after = placesOf(endpoints, (endpoint) => endpoint !== down);
    const gained = new Map<string, number>();
    let own = 0;
    for (const [index, key] of before.entries()) {
      if (key !== down.key) assert.equal(after[index], key);
      else {
        own += 1;
        gained.set(after[index]!, (gained.get(after[index]!) ?? 0) + 1);
      }
    }
    for (const { key, weight } of endpoints.filter((endpoint) => endpoint !== down)) {
      const share = weight / (9 - down.weight);
      assert.ok(Math.abs(gained.get(key)! / own - share) <= 0.05, `${key}: ${gained.get(key)} of ${own}`);
    }
  }
});

Deno.test("sourceHash agrees across differently ordered proxies, however many endpoints are down", () => {
  const endpoints = membersOf([1, 2, 3, ...Array(37).fill(1)]);
  const reversed = endpoints.toReversed();
  for (const up of [40, 20, 3, 1]) {
    const allowed = new Set(endpoints.slice(0, up).map(({ key }) => key));
    const isAllowed = ({ key }: Candidate) => allowed.has(key);
    const places = placesOf(endpoints, isAllowed);
    assert.deepEqual(new Set(places), allowed);
    assert.deepEqual(placesOf(reversed, isAllowed), places);
  }
});

/** The endpoint of each client. */
function placesOf(
  endpoints: readonly Candidate[],
  isAllowed: Choice<Candidate>["isAllowed"] = () => true,
): (string | undefined)[] {
  const policy = sourceHash();
  return CLIENTS.map((client) => policy({ endpoints, client, isAllowed })?.key);
}

function slotsByMember(members: readonly Candidate[]): number[] {
  const slots: number[] = Array(members.length).fill(0);
  for (const index of new MaglevTable(members).slots) slots[index]! += 1;
  return slots;
}

function membersOf(weights: readonly number[]): Candidate[] {
  return weights.map((weight, index) => ({
    id: index,
    key: `10.0.${index >> 8}.${index & 255}:5432`,
    weight,
    part: 1,
    active: 0,
  }));
}
