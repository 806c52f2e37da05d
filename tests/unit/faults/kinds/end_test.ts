/** Faults about how a connection or a direction ends. */

import assert from "node:assert/strict";
import { FakeTime, settled } from "../../../support/fakes/fake_time.ts";
import { FaultRun } from "../fault_fixture.ts";

Deno.test("slow_close passes bytes at once, and the end after its delay", async () => {
  using time = new FakeTime();
  await using run = new FaultRun("slow_close", { delay: 100 });
  await run.write("bytes");
  void run.end();
  await time.advance(90);
  assert.deepEqual([run.text, run.isEnded], ["bytes", false]);
  await time.advance(10);
  assert.equal(run.isEnded, true);
});

Deno.test("timeout swallows bytes, which do not delay it, and closes", async () => {
  using time = new FakeTime();
  await using run = new FaultRun("timeout", { timeout: 100 });
  for (let index = 0; index < 9; index++) {
    await run.write("lost");
    await time.advance(10);
  }
  assert.deepEqual([run.text, run.closes], ["", 0]);
  await time.advance(10);
  assert.equal(run.closes, 1);
});

Deno.test("timeout closes without a byte, and swallows the end until then", async () => {
  using time = new FakeTime();
  await using run = new FaultRun("timeout", { timeout: 100 });
  void run.end();
  await time.advance(90);
  assert.deepEqual([run.isEnded, run.closes], [false, 0]);
  await time.advance(10);
  assert.deepEqual([run.isEnded, run.closes], [true, 1]);
});

Deno.test("timeout of 0 closes only when it is removed", async () => {
  using time = new FakeTime();
  await using run = new FaultRun("timeout", { timeout: 0 });
  await run.write("lost");
  await time.advance(60_000);
  assert.equal(run.closes, 0);
  await run.stop();
  assert.equal(run.closes, 1);
});

Deno.test("reset_peer resets after its timeout, even without a byte", async () => {
  using time = new FakeTime();
  await using run = new FaultRun("reset_peer", { timeout: 100 });
  await time.advance(90);
  await run.write("passes");
  assert.deepEqual([run.text, run.resets], ["passes", 0]);
  await time.advance(10);
  assert.equal(run.resets, 1);
});

Deno.test("reset_peer without a timeout lets nothing pass after its trigger", async () => {
  using time = new FakeTime();
  await using run = new FaultRun("reset_peer", {}, { trigger: { afterBytes: 5 } });
  await run.write("passes");
  await time.advance(1);
  assert.deepEqual([run.text, run.resets], ["passe", 1]);
});

Deno.test("reset_peer resets a connection whose direction has ended", async () => {
  using time = new FakeTime();
  await using run = new FaultRun("reset_peer", { timeout: 100 });
  await run.end();
  await time.advance(100);
  assert.deepEqual([run.isEnded, run.resets], [true, 1]);
});

Deno.test("reset_peer that is removed before its timeout resets nothing", async () => {
  using time = new FakeTime();
  await using run = new FaultRun("reset_peer", { timeout: 100 });
  await run.stop();
  await time.advance(200);
  assert.equal(run.resets, 0);
});

Deno.test("limit_data passes exactly the given number of bytes, then closes", async () => {
  for (const chunks of [["abcdefgh"], ["abc", "de", "fgh"], ["a", "bcdef"]]) {
    await using run = new FaultRun("limit_data", { bytes: 5 });
    for (const [index, chunk] of chunks.entries()) {
      await run.write(chunk);
      assert.equal(run.closes > 0, chunks.slice(0, index + 1).join("").length >= 5);
    }
    assert.equal(run.text, "abcde");
  }
});

Deno.test("limit_data of 0 closes at the first byte", async () => {
  await using run = new FaultRun("limit_data", { bytes: 0 });
  assert.equal(run.closes, 0);
  await run.write("a");
  assert.deepEqual([run.text, run.closes], ["", 1]);
});

Deno.test("truncate passes exactly the given number of bytes, then ends its direction", async () => {
  for (const bytes of [0, 5]) {
    await using run = new FaultRun("truncate", { bytes });
    const written = run.write("abcdefgh").catch(() => {});
    await settled();
    await written;
    assert.deepEqual([run.text, run.isEnded, run.closes], ["abcde".slice(0, bytes), true, 0]);
  }
});

Deno.test("truncate ends its direction at a byte, before the next one comes", async () => {
  await using run = new FaultRun("truncate", { bytes: 5 });
  await run.write("abcde").catch(() => {});
  await settled();
  assert.deepEqual([run.text, run.isEnded], ["abcde", true]);
});

Deno.test("half_open passes bytes, and the end when it is removed", async () => {
  using time = new FakeTime();
  await using run = new FaultRun("half_open");
  await run.write("bytes");
  void run.end();
  await time.advance(60_000);
  assert.deepEqual([run.text, run.isEnded], ["bytes", false]);
  await run.stop();
  assert.deepEqual([run.isEnded, run.closes], [true, 0]);
});

Deno.test("blackhole swallows bytes and the end, and closes when it is removed", async () => {
  using time = new FakeTime();
  await using run = new FaultRun("blackhole", {}, { trigger: { afterBytes: 2 } });
  await run.write("abcd");
  void run.end();
  await time.advance(60_000);
  assert.deepEqual([run.text, run.isEnded, run.closes], ["ab", false, 0]);
  await run.stop();
  assert.equal(run.closes, 1);
});

Deno.test("blackhole that has swallowed nothing leaves the connection open", async () => {
  await using run = new FaultRun("blackhole");
  await run.stop();
  await run.write("passes");
  assert.deepEqual([run.text, run.closes], ["passes", 0]);
});
