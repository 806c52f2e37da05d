import assert from "node:assert/strict";
import { randomOf } from "../../../src/faults/seed.ts";

const COUNT = 500;

function numbers(...parts: (string | number)[]): number[] {
  const random = randomOf(...parts);
  return Array.from({ length: 3 }, random);
}

Deno.test("randomOf() gives the same numbers for the same parts", () => {
  assert.deepEqual(numbers(1, "postgres", "latency", 7), numbers(1, "postgres", "latency", 7));
});

Deno.test("randomOf() gives other numbers when any part differs", () => {
  const all = [
    numbers(1, "postgres", "latency", 7),
    numbers(2, "postgres", "latency", 7),
    numbers(1, "redis", "latency", 7),
    numbers(1, "postgres", "bandwidth", 7),
    numbers(1, "postgres", "latency", 8),
    numbers(1, "postgreslatency", "", 7),
  ];
  assert.equal(new Set(all.flat()).size, 18);
});

Deno.test("the first numbers of connections that follow each other are spread evenly", () => {
  const tenths = new Array<number>(10).fill(0);
  for (let number = 1; number <= COUNT; number++) {
    tenths[Math.floor(numbers(1, "service", "fault", number)[0]! * 10)]! += 1;
  }
  // Within four standard deviations.
  assert.ok(tenths.every((count) => Math.abs(count - COUNT / 10) < 4 * Math.sqrt(COUNT / 10)), `${tenths}`);
});
