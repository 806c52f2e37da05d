import assert from "node:assert/strict";
import { FakeTime, settled } from "../../support/fakes/fake_time.ts";
import type { Output } from "../../../src/faults/fault.ts";
import { TriggeredFault, type TriggeredOptions } from "../../../src/faults/triggered.ts";
import { FaultRun } from "./fault_fixture.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** A stage with a fault that the test defines, its output, and how it ends. */
function streamOf(make: TriggeredOptions["make"], trigger: Partial<TriggeredOptions["trigger"]> = {}) {
  const stop = new AbortController();
  const { readable, writable } = new TransformStream(
    new TriggeredFault({
      trigger: { afterBytes: undefined, after: undefined, match: undefined, for: undefined, ...trigger },
      make,
      context: { random: () => 0, close() {}, reset() {} },
      signal: stop.signal,
      onBegin: () => true,
    }),
  );
  const writer = writable.getWriter();
  writer.closed.catch(() => {});
  const received: string[] = [];
  const reading = (async () => {
    for await (const chunk of readable) received.push(new TextDecoder().decode(chunk));
    received.push("end");
  })();
  return {
    stop,
    received,
    reading,
    write: (text: string) => writer.write(bytes(text)),
    end: () => writer.close(),
  };
}

Deno.test("a fault that ends finishes its chunk, then what it holds leaves, then bytes pass", async () => {
  const chunk = Promise.withResolvers<void>();
  const held = Promise.withResolvers<void>();
  const { stop, received, reading, write, end } = streamOf(() => ({
    transform: (bytes, output) => chunk.promise.then(() => output.enqueue(bytes)),
    flush: (output) => held.promise.then(() => output.enqueue(bytes("held"))),
  }));
  void write("first");
  await settled();
  stop.abort();
  void write("second");
  void end();
  await settled();
  held.resolve();
  await settled();
  assert.deepEqual(received, []);
  chunk.resolve();
  await reading;
  assert.deepEqual(received, ["first", "held", "second", "end"]);
});

Deno.test("nothing passes after a fault that ends the connection when it stops acting", async () => {
  for (const way of ["close", "reset"] as const) {
    const { stop, received, reading, write, end } = streamOf(({ sleep, ...context }) => ({
      transform() {},
      flush: () => sleep(Infinity).then(context[way]),
    }));
    void write("swallowed");
    await settled();
    stop.abort();
    void write("later");
    const ended = assert.rejects(end(), /The fault has ended the connection/);
    await assert.rejects(reading, /The fault has ended the connection/);
    await ended;
    assert.deepEqual(received, []);
  }
});

Deno.test("a direction that finishes while its fault ends waits for what it holds", async () => {
  const held = Promise.withResolvers<void>();
  const { stop, received, reading, end } = streamOf(() => ({
    transform() {},
    flush: (output) => held.promise.then(() => output.enqueue(bytes("held"))),
  }));
  stop.abort();
  void end();
  await settled();
  assert.deepEqual(received, []);
  held.resolve();
  await reading;
  assert.deepEqual(received, ["held", "end"]);
});

Deno.test("a fault is flushed once, though it ends while its direction does", async () => {
  let flushes = 0;
  const { stop, received, reading, end } = streamOf(({ sleep }) => ({
    transform() {},
    flush: () => {
      flushes += 1;
      return sleep(Infinity);
    },
  }));
  void end();
  await settled();
  stop.abort();
  await reading;
  assert.deepEqual([flushes, received], [1, ["end"]]);
});

Deno.test("a fault passes nothing on after an end", async () => {
  const late = Promise.withResolvers<Output>();
  const terminated = streamOf(() => ({ transform: (_, output) => output.terminate(), start: late.resolve }));
  await terminated.write("bytes").catch(() => {});
  (await late.promise).enqueue(bytes("late"));
  await terminated.reading;
  assert.deepEqual(terminated.received, ["end"]);

  const later = Promise.withResolvers<Output>();
  const flushed = streamOf(() => ({ start: later.resolve, transform() {} }));
  await flushed.end();
  (await later.promise).enqueue(bytes("late"));
  await flushed.reading;
  assert.deepEqual(flushed.received, ["end"]);
});

Deno.test("an error in a fault that ends is an error of its stream", async () => {
  const { stop, reading, write } = streamOf(() => ({
    transform() {},
    flush: () => Promise.reject(new RangeError("a mistake")),
  }));
  stop.abort();
  await assert.rejects(reading, RangeError);
  await assert.rejects(write("bytes"), RangeError);
});

Deno.test("a stage that is removed before it is created never has the fault", async () => {
  await using run = new FaultRun("timeout", { timeout: 0 });
  const { transform } = run.fault.stage("upload", AbortSignal.abort())!;
  const writer = transform.writable.getWriter();
  void writer.write(bytes("passes"));
  const { value } = await transform.readable.getReader().read();
  assert.deepEqual(value, bytes("passes"));
});

Deno.test("a fault without a trigger begins before the first byte", async () => {
  await using run = new FaultRun("timeout", { timeout: 0 });
  assert.equal(run.applied, 1);
  await run.write("lost");
  assert.equal(run.text, "");
});

Deno.test("afterBytes begins a fault after that byte, even in the middle of a chunk", async () => {
  await using run = new FaultRun("timeout", { timeout: 0 }, { trigger: { afterBytes: 5 } });
  await run.write("abcd");
  assert.equal(run.applied, 0);
  await run.write("efgh");
  await run.write("ijkl");
  assert.equal(run.text, "abcde");
  assert.equal(run.applied, 1);
});

Deno.test("afterBytes begins a fault at the end of a chunk, before the next one comes", async () => {
  await using run = new FaultRun("half_open", {}, { trigger: { afterBytes: 4 } });
  await run.write("abcd");
  assert.equal(run.applied, 1);
  await settled();
  assert.deepEqual(run.sizes, [4], "no empty chunk follows");
});

Deno.test("afterBytes of one byte lets it pass", async () => {
  await using run = new FaultRun("timeout", { timeout: 0 }, { trigger: { afterBytes: 1 } });
  assert.equal(run.applied, 0);
  await run.write("ab");
  assert.equal(run.text, "a");
});

Deno.test("match begins a fault after the bytes, even across chunks", async () => {
  await using run = new FaultRun("timeout", { timeout: 0 }, { trigger: { match: bytes("SELECT") } });
  for (const chunk of ["SELSE", "L", "ECT 1", "lost"]) await run.write(chunk);
  assert.equal(run.text, "SELSELECT");
});

Deno.test("afterBytes and match must both be met, in whichever order", async () => {
  for (const afterBytes of [1, 7]) {
    const trigger = { afterBytes, match: bytes("cd") };
    await using run = new FaultRun("timeout", { timeout: 0 }, { trigger });
    await run.write("abc");
    await run.write("defghij");
    assert.equal(run.text, afterBytes === 1 ? "abcd" : "abcdefg");
  }
});

Deno.test("match need not come again while bytes are missing", async () => {
  const trigger = { afterBytes: 5, match: bytes("a") };
  await using run = new FaultRun("timeout", { timeout: 0 }, { trigger });
  for (const chunk of ["ab", "cd", "ef"]) await run.write(chunk);
  assert.equal(run.text, "abcde");
});

Deno.test("after begins a fault without a byte, and lets all pass until then", async () => {
  using time = new FakeTime();
  await using run = new FaultRun("reset_peer", {}, { trigger: { after: 100 } });
  await run.write("early");
  await time.advance(90);
  assert.deepEqual([run.text, run.applied, run.resets], ["early", 0, 0]);
  await time.advance(20);
  assert.deepEqual([run.applied, run.resets], [1, 1]);
});

Deno.test("after and afterBytes must both be met: the bytes count from the beginning", async () => {
  using time = new FakeTime();
  const trigger = { after: 100, afterBytes: 3 };
  await using run = new FaultRun("timeout", { timeout: 0 }, { trigger });
  await run.write("abcd");
  assert.equal(run.applied, 0);
  await time.advance(100);
  assert.equal(run.applied, 1);
  await run.write("lost");
  assert.equal(run.text, "abcd");
});

Deno.test("afterBytes begins a fault at its byte once the time of after is over", async () => {
  using time = new FakeTime();
  await using run = new FaultRun("timeout", { timeout: 0 }, { trigger: { after: 100, afterBytes: 3 } });
  await time.advance(100);
  await run.write("abcd");
  assert.deepEqual([run.text, run.applied], ["abc", 1]);
});

Deno.test("a direction that ends before its trigger is met never has the fault", async () => {
  using time = new FakeTime();
  await using run = new FaultRun("reset_peer", {}, { trigger: { after: 100 } });
  await run.end();
  await time.advance(200);
  assert.deepEqual([run.isEnded, run.applied, run.resets], [true, 0, 0]);
});

Deno.test("for ends a fault: what it holds leaves in order, and bytes pass again", async () => {
  using time = new FakeTime();
  await using run = new FaultRun("latency", { latency: 1000 }, { trigger: { for: 100 } });
  await run.write("held ");
  await time.advance(90);
  assert.equal(run.text, "");
  await time.advance(10);
  assert.equal(run.text, "held ");
  await run.write("passes");
  assert.equal(run.text, "held passes");
  await run.end();
  await settled();
  assert.equal(run.isEnded, true);
});

Deno.test("for ends a fault in the middle of a chunk, whose rest passes at once", async () => {
  using time = new FakeTime();
  await using run = new FaultRun("bandwidth", { rate: 100 }, { trigger: { for: 100 } });
  const first = run.write("a".repeat(1000));
  const second = run.write("b");
  await time.advance(100);
  await Promise.all([first, second]);
  assert.equal(run.text, "a".repeat(1000) + "b");
});

Deno.test("a fault that is removed lets go of what it holds at once", async () => {
  using time = new FakeTime();
  await using run = new FaultRun("latency", { latency: 1000 });
  await run.write("held");
  await time.advance(10);
  await run.stop();
  assert.equal(run.text, "held");
  await run.write(" passes");
  assert.equal(run.text, "held passes");
});

Deno.test("a fault that is removed before its trigger is met never begins", async () => {
  await using run = new FaultRun("timeout", { timeout: 0 }, { trigger: { afterBytes: 1, after: 1e9 } });
  await run.stop();
  await run.write("passes");
  assert.deepEqual([run.text, run.applied], ["passes", 0]);
});

Deno.test("a fault that has acted on enough connections lets all pass", async () => {
  const options = { trigger: { times: 1, afterBytes: 2 }, takes: false };
  await using run = new FaultRun("timeout", { timeout: 0 }, options);
  assert.equal(run.takes, 0, "it counts when it begins");
  await run.write("ab");
  await run.write("cd");
  assert.deepEqual([run.text, run.takes, run.applied], ["abcd", 1, 0]);
});

Deno.test("a fault in both directions counts as one", async () => {
  await using run = new FaultRun("timeout", { timeout: 0 }, { trigger: { times: 1 } });
  const other = run.fault.stage("upload", new AbortController().signal)!;
  assert.deepEqual([run.takes, run.applied], [1, 1]);
  await other.transform.writable.abort();
});

Deno.test("a fault passes nothing on once its output is no longer read", async () => {
  using time = new FakeTime();
  const stop = new AbortController();
  await using run = new FaultRun("latency", { latency: 100 });
  const { readable, writable } = run.fault.stage("upload", stop.signal)!.transform;
  const reader = readable.getReader();
  void reader.read();
  const writer = writable.getWriter();
  writer.closed.catch(() => {});
  await writer.write(bytes("held"));
  await reader.cancel();
  await time.advance(200);
  stop.abort();
});
