import assert from "node:assert/strict";
import { kindOf } from "../../../../src/faults/registry.ts";
import { FakeTime, settled } from "../../../support/fakes/fake_time.ts";
import { FaultRun } from "../fault_fixture.ts";

const RATE = 1_000_000;

Deno.test("bandwidth passes what its rate allows in a second, within 5 %", async () => {
  await using run = new FaultRun("bandwidth", { rate: RATE });
  const startedAt = performance.now();
  const written = run.write(new Uint8Array(2 * RATE));
  while (performance.now() - startedAt < 1000) await run.next();
  // After a late timer, more bytes pass.
  await settled();
  const seconds = (run.times.at(-1)! - startedAt) / 1000;
  const rate = run.bytes.byteLength / seconds;
  assert.ok(Math.abs(rate - RATE) < 0.05 * RATE, `${Math.round(rate)} bytes a second`);
  await run.stop();
  await written;
  assert.equal(run.bytes.byteLength, 2 * RATE, "the rest passes at once");
});

Deno.test("bandwidth passes more after a late timer, but not after a pause", async () => {
  using time = new FakeTime();
  await using run = new FaultRun("bandwidth", { rate: RATE });
  const written = run.write(new Uint8Array(RATE));
  await time.advance(50);
  time.stall(300);
  await time.advance(50);
  assert.equal(run.bytes.byteLength, 0.4 * RATE);
  await time.advance(600);
  await written;
  assert.equal(run.bytes.byteLength, RATE);

  await time.advance(5000);
  void run.write(new Uint8Array(RATE));
  await settled();
  assert.equal(run.bytes.byteLength, 1.05 * RATE, "a burst of 50 ms");
});

Deno.test("bandwidth is exact for short chunks too, with waits under a millisecond", async () => {
  using time = new FakeTime();
  await using run = new FaultRun("bandwidth", { rate: RATE });
  const writing = (async () => {
    for (let index = 0; index < 6000; index++) await run.write(new Uint8Array(100));
  })();
  await time.advance(500);
  const { byteLength } = run.bytes;
  assert.ok(Math.abs(byteLength - RATE / 2) < 0.05 * RATE / 2, `${byteLength} bytes in half a second`);
  await time.advance(200);
  await writing;
});

Deno.test("bandwidth of 0 passes nothing until it is removed", async () => {
  using time = new FakeTime();
  await using run = new FaultRun("bandwidth", { rate: 0 });
  // An earlier stage may send a chunk without bytes.
  await run.write("");
  const written = run.write("frozen");
  await time.advance(60_000);
  assert.equal(run.text, "");
  await run.stop();
  await written;
  assert.equal(run.text, "frozen");
});

Deno.test("bandwidth reads no more at once than 50 ms of its rate", async () => {
  assert.equal(kindOf("bandwidth").largestChunk!({ rate: RATE }), RATE / 20);
  await using run = new FaultRun("bandwidth", { rate: RATE });
  assert.equal(run.stage.largestChunk, RATE / 20);
  await settled();
});
