import assert from "node:assert/strict";
import { atOnce, inTurns, type Steps } from "../../../../src/config/input/steps.ts";

/** Steps of a millisecond each, and their number. */
class Work {
  taken = 0;

  *steps(count: number): Steps<string> {
    for (; this.taken < count; this.taken++) {
      const end = performance.now() + 1;
      while (performance.now() < end);
      yield;
    }
    return "done";
  }
}

Deno.test("inTurns() lets others have their turn between steps", async () => {
  const work = new Work();
  const seen: number[] = [];
  const timer = setInterval(() => seen.push(work.taken), 0);
  assert.equal(await inTurns(work.steps(30)), "done");
  clearInterval(timer);
  assert.ok(seen.length > 0, "no timer fired before all steps were taken");
  assert.ok(seen.every((taken) => taken < 30), String(seen));
});

Deno.test("atOnce() takes all steps", () => {
  const work = new Work();
  assert.equal(atOnce(work.steps(3)), "done");
  assert.equal(work.taken, 3);
});
