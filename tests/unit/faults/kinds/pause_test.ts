/** Faults that hold up all bytes and lose none (stall, freeze), and faults that act before the first byte. */

import assert from "node:assert/strict";
import { type FaultType, kindOf } from "../../../../src/faults/registry.ts";
import { ConnectionFault } from "../../../../src/faults/connection_fault.ts";
import { FakeTime, settled } from "../../../support/fakes/fake_time.ts";
import { faultOf, FaultRun } from "../fault_fixture.ts";

Deno.test("stall passes nothing for its duration, reads no more than a chunk, then passes all", async () => {
  using time = new FakeTime();
  await using run = new FaultRun("stall", { duration: 100 });
  let taken = 0;
  for (const chunk of ["a", "b", "c"]) void run.write(chunk).then(() => taken += 1);
  void run.end();
  await time.advance(90);
  assert.deepEqual([run.text, taken], ["", 0]);
  await time.advance(10);
  assert.deepEqual([run.text, taken, run.isEnded], ["abc", 3, true]);
});

Deno.test("stall that begins in the middle of a chunk splits it there", async () => {
  using time = new FakeTime();
  await using run = new FaultRun("stall", { duration: 100 }, { trigger: { afterBytes: 2 } });
  let isTaken = false;
  const written = run.write("abcd").then(() => isTaken = true);
  await time.advance(90);
  assert.deepEqual([run.text, isTaken], ["ab", false]);
  await time.advance(10);
  await written;
  assert.equal(run.text, "abcd");
});

Deno.test("freeze passes nothing until it is removed, then all, and the end too", async () => {
  using time = new FakeTime();
  await using run = new FaultRun("freeze");
  void run.write("a");
  void run.write("b");
  void run.end();
  await time.advance(60_000);
  assert.deepEqual([run.text, run.isEnded], ["", false]);
  await run.stop();
  assert.deepEqual([run.text, run.isEnded], ["ab", true]);
});

Deno.test("freeze with a duration ends by itself", async () => {
  using time = new FakeTime();
  await using run = new FaultRun("freeze", {}, { trigger: { for: 100 } });
  void run.write("a");
  await time.advance(90);
  assert.equal(run.text, "");
  await time.advance(10);
  assert.equal(run.text, "a");
});

class Before {
  readonly stop = new AbortController();
  resets = 0;
  applied = 0;
  isOver = false;
  readonly fault: ConnectionFault;

  constructor(type: FaultType, step: "accept" | "connect", values = {}) {
    this.fault = new ConnectionFault(faultOf(type, values), {
      seed: 1,
      service: "service",
      number: 1,
      close() {},
      reset: () => this.resets += 1,
      take: () => true,
      onApplied: () => this.applied += 1,
    });
    void Promise.resolve(this.fault[step](this.stop.signal)).then(() => this.isOver = true);
  }
}

Deno.test("refuse resets a client that was accepted", async () => {
  const before = new Before("refuse", "accept");
  await settled();
  assert.deepEqual([before.resets, before.applied, before.isOver], [1, 1, true]);
});

for (const [type, step] of [["delay_accept", "accept"], ["delay_connect", "connect"]] as const) {
  Deno.test(`${type} waits, at most until the client has gone`, async () => {
    using time = new FakeTime();
    const before = new Before(type, step, { delay: 100 });
    await time.advance(90);
    assert.equal(before.isOver, false);
    await time.advance(10);
    assert.deepEqual([before.isOver, before.applied], [true, 1]);

    const left = new Before(type, step, { delay: 1e9 });
    left.stop.abort();
    await settled();
    assert.equal(left.isOver, true);
  });
}

Deno.test("a fault does nothing at a step that is not its own, and is no stage either", async () => {
  const before = new Before("refuse", "connect");
  await settled();
  assert.deepEqual([before.resets, before.applied], [0, 0]);
  assert.equal(before.fault.stage("download", before.stop.signal), undefined);
  assert.equal(kindOf("down").isDown, true);
});
