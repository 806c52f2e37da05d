import assert from "node:assert/strict";
import { stageContext } from "../../../src/relay/stages.ts";
import { CONNECTION } from "./relay_fixture.ts";

function numbersOf(seed: number, position: number): number[] {
  const target = { close() {}, reset() {} };
  const { signal } = new AbortController();
  const { random } = stageContext(CONNECTION, target, { signal, position, seed: [seed] });
  return [random(), random(), random()];
}

Deno.test("stageContext() gives the same random numbers for the same id and position", () => {
  assert.deepEqual(numbersOf(7, 1), numbersOf(7, 1));
});

Deno.test("stageContext() gives other random numbers for another id or position", () => {
  const all = [numbersOf(1, 0), numbersOf(2, 0), numbersOf(1, 1), numbersOf(2, 1)].flat();
  assert.equal(new Set(all).size, 12);
});
