import assert from "node:assert/strict";
import fc from "fast-check";
import { Hysteresis } from "../../../../src/upstream/health/hysteresis.ts";

Deno.test("Hysteresis is unknown until the first result, which decides by itself", () => {
  for (const good of [true, false]) {
    const hysteresis = new Hysteresis(5, 5);
    assert.equal(hysteresis.state, "unknown");
    assert.equal(hysteresis.observe(good), good ? "up" : "down");
    assert.equal(hysteresis.state, good ? "up" : "down");
  }
});

Deno.test("Hysteresis goes down after `fall` bad results in a row and up after `rise` good ones", () => {
  const hysteresis = new Hysteresis(2, 3);
  const results: [good: boolean, changed: "up" | "down" | undefined][] = [
    [true, "up"],
    [false, undefined],
    [false, undefined],
    [true, undefined],
    [false, undefined],
    [false, undefined],
    [false, "down"],
    [false, undefined],
    [true, undefined],
    [false, undefined],
    [true, undefined],
    [true, "up"],
  ];
  for (const [index, [good, changed]] of results.entries()) {
    assert.equal(hysteresis.observe(good), changed, `result ${index}`);
  }
});

Deno.test("Hysteresis with rise and fall 1 follows every result", () => {
  const hysteresis = new Hysteresis(1, 1);
  fc.assert(fc.property(fc.boolean(), (good) => {
    hysteresis.observe(good);
    assert.equal(hysteresis.state, good ? "up" : "down");
  }));
});

const threshold = (min: number) => fc.integer({ min, max: 6 });

Deno.test("Hysteresis is not moved by results that alternate", () => {
  fc.assert(fc.property(threshold(2), threshold(2), fc.boolean(), fc.nat(100), (rise, fall, first, count) => {
    const hysteresis = new Hysteresis(rise, fall);
    const decided = hysteresis.observe(first);
    for (let index = 0; index < count; index++) {
      assert.equal(hysteresis.observe(index % 2 === 0 ? !first : first), undefined);
      assert.equal(hysteresis.state, decided);
    }
  }));
});

Deno.test("Hysteresis changes its state after a full run against it, and only then", () => {
  fc.assert(fc.property(threshold(1), threshold(1), fc.array(fc.boolean()), (rise, fall, results) => {
    const hysteresis = new Hysteresis(rise, fall);
    for (const [index, good] of results.entries()) {
      const before = hysteresis.state;
      const changed = hysteresis.observe(good);
      const state = good ? "up" : "down";
      const run = index - results.slice(0, index).lastIndexOf(!good);
      const full = before === "unknown" || run >= (good ? rise : fall);
      assert.equal(changed, before !== state && full ? state : undefined);
      assert.equal(hysteresis.state, changed ?? before);
    }
  }));
});
