import assert from "node:assert/strict";
import fc from "fast-check";
import { sharesOf, type WeightedBackend } from "../../../../src/gateway/translation/shares.ts";

function shown(...backends: [weight: number, ...addresses: string[]][]): string {
  return sharesOf(backends.map(([weight, ...addresses]) => ({ weight, addresses })))
    .map(({ address, weight }) => `${address}=${weight}`).join(" ");
}

Deno.test("sharesOf() divides the weight of each backend among its endpoints", () => {
  assert.equal(shown([1, "a"]), "a=1");
  assert.equal(shown([7, "a", "b"]), "a=1 b=1");
  assert.equal(shown([9, "a", "b", "c"], [1, "d"]), "a=3 b=3 c=3 d=1");
  assert.equal(shown([70, "a", "b"], [30, "c"]), "a=7 b=7 c=6");
  assert.equal(shown([1, "a", "b"], [1, "c", "d", "e"]), "a=3 b=3 c=2 d=2 e=2");
  assert.equal(shown([1, "a"], [0, "b"]), "a=1");
  assert.equal(shown([0, "a"]), "");
  assert.equal(shown(), "");
});

Deno.test("sharesOf() adds up what an endpoint of several backends gets", () => {
  assert.equal(shown([1, "a"], [2, "a"], [1, "b"]), "a=3 b=1");
});

Deno.test("sharesOf() comes as close as weights up to 1000 can, and leaves no backend without a share", () => {
  assert.equal(shown([1_000_000, "a"], [1, "b"]), "a=1000 b=1");
  assert.equal(shown([999_999, "a"], [500_000, "b"]), "a=1000 b=500");
});

Deno.test("sharesOf() gives weights from 1 to 1000 in proportion", () => {
  const backend = fc.record({
    weight: fc.integer({ min: 0, max: 1_000_000 }),
    count: fc.integer({ min: 1, max: 300 }),
  });
  fc.assert(
    fc.property(fc.array(backend, { maxLength: 16 }), (all) => {
      const backends: WeightedBackend[] = all.map(({ weight, count }, index) => ({
        weight,
        addresses: Array.from({ length: count }, (_, at) => `${index}:${at}`),
      }));
      const shares = sharesOf(backends);
      const used = all.filter(({ weight }) => weight > 0);
      assert.equal(shares.length, used.reduce((sum, { count }) => sum + count, 0));
      const largest = Math.max(...used.map(({ weight, count }) => weight / count));
      for (const { address, weight } of shares) {
        assert.ok(Number.isInteger(weight) && weight >= 1 && weight <= 1000, `${address}=${weight}`);
        const { weight: whole, count } = all[Number(address.split(":")[0])]!;
        const most = Math.max(...shares.map((each) => each.weight));
        assert.ok(Math.abs(weight - whole / count / largest * most) <= 1, `${address}=${weight}`);
      }
    }),
    { numRuns: 50 },
  );
});
