import assert from "node:assert/strict";
import { stageContext } from "../../../src/relay/stages.ts";
import { CONNECTION } from "./relay_fixture.ts";

function numbersOf(id: number, position: number): number[] {
  const target = { close() {}, reset() {} };
  const { signal } = new AbortController();
  const { random } = stageContext({ ...CONNECTION, id }, target, { signal, position });
  return [random(), random(), random()];
}

Deno.test("the random numbers of a stage repeat for the same connection and position", () => {
  assert.deepEqual(numbersOf(7, 1), numbersOf(7, 1));
});

Deno.test("the random numbers of a stage differ between connections and between positions", () => {
  const all = [numbersOf(1, 0), numbersOf(2, 0), numbersOf(1, 1), numbersOf(2, 1)].flat();
  assert.equal(new Set(all).size, 12);
});
