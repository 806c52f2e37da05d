import assert from "node:assert/strict";
import { Settling } from "../../../../src/upstream/health/settling.ts";
import { FakeTime, settled } from "../../../support/fakes/fake_time.ts";

const NEVER = new AbortController().signal;

Deno.test("Settling lets clients wait before the first result, until they abort", async () => {
  const settling = new Settling();
  assert.equal(settling.isSettled, false);
  const abort = new AbortController();
  const done: string[] = [];
  const hasty = settling.settled(abort.signal).then(() => done.push("hasty"));
  const patient = settling.settled(NEVER).then(() => done.push("patient"));
  abort.abort(new Error("too late"));
  await hasty;
  await settled();
  assert.deepEqual(done, ["hasty"]);
  settling.update({ hasUsable: false, isPending: false });
  await patient;
  assert.equal(settling.isSettled, true);
});

Deno.test("Settling grants grace only while one endpoint is usable and results are pending", async () => {
  using time = new FakeTime();
  const settling = new Settling();
  settling.update({ hasUsable: false, isPending: true });
  await time.advance(200);
  assert.equal(settling.isSettled, false, "there is nowhere to go");
  settling.update({ hasUsable: true, isPending: true });
  await time.advance(50);
  // It does not begin anew.
  settling.update({ hasUsable: true, isPending: true });
  await time.advance(40);
  assert.equal(settling.isSettled, false);
  await time.advance(10);
  assert.equal(settling.isSettled, true);
});

Deno.test("Settling ends a grace that is no longer needed; the next one is as long", async () => {
  using time = new FakeTime();
  const settling = new Settling();
  settling.update({ hasUsable: true, isPending: true });
  await time.advance(90);
  settling.update({ hasUsable: false, isPending: true });
  await time.advance(20);
  assert.equal(settling.isSettled, false);
  settling.update({ hasUsable: true, isPending: true });
  await time.advance(90);
  assert.equal(settling.isSettled, false);
  await time.advance(10);
  assert.equal(settling.isSettled, true);
});
