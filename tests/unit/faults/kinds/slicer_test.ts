import assert from "node:assert/strict";
import { FakeTime, settled } from "../../../support/fakes/fake_time.ts";
import { FaultRun } from "../fault_fixture.ts";

Deno.test("slicer divides into pieces of the average size, give or take the variation", async () => {
  await using run = new FaultRun("slicer", { averageSize: 100, sizeVariation: 30 });
  await run.write(new Uint8Array(400_000));
  await settled();
  const sizes = run.sizes.slice(0, -1);
  assert.ok(sizes.every((size) => size >= 70 && size <= 130));
  assert.ok(sizes.includes(70) && sizes.includes(130));
  const mean = sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
  // Three deviations of the mean of 4000: 30 / √3 / √4000 × 3.
  assert.ok(Math.abs(mean - 100) < 0.83, `mean ${mean}`);
});

Deno.test("slicer cuts at the same bytes however they arrive", async () => {
  const bordersOf = async (chunks: readonly number[]) => {
    await using run = new FaultRun("slicer", { averageSize: 10, sizeVariation: 5 });
    for (const size of chunks) await run.write(new Uint8Array(size));
    await settled();
    let at = 0;
    return run.sizes.map((size) => at += size);
  };
  const whole = await bordersOf([1000]);
  const borders = await bordersOf([1, 2, 300, 7, 690]);
  const chunkEnds = [1, 3, 303, 310];
  assert.deepEqual(borders, [...new Set([...whole, ...chunkEnds])].sort((a, b) => a - b));
});

Deno.test("slicer and drip wait between pieces, and pass the rest at once when removed", async () => {
  using time = new FakeTime();
  for (const run of [new FaultRun("slicer", { averageSize: 1, delay: 100 }), new FaultRun("drip")]) {
    await using _ = run;
    const written = run.write("abcdef");
    await time.advance(10);
    assert.equal(run.text, "a");
    await time.advance(100);
    assert.equal(run.text, "ab");
    await time.advance(200);
    assert.deepEqual(run.sizes, [1, 1, 1, 1]);
    await run.stop();
    await written;
    assert.deepEqual([run.text, run.sizes.at(-1)], ["abcdef", 2]);
  }
});

Deno.test("slicer keeps its pace when its delay is less than a millisecond", async () => {
  using time = new FakeTime();
  await using run = new FaultRun("slicer", { averageSize: 1, delay: 0.5 });
  const written = run.write(new Uint8Array(1000));
  await time.advance(250);
  const { length } = run.received;
  // Fake time has steps of 10 ms, in each of which two pieces pass.
  assert.ok(length >= 50 && length < 500, `${length} pieces`);
  await run.stop();
  await written;
});
