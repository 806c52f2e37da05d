import assert from "node:assert/strict";
import { mock } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import type { FaultContext } from "../../../../src/faults/fault.ts";
import { latency } from "../../../../src/faults/kinds/latency.ts";
import { randomOf } from "../../../../src/faults/seed.ts";
import { FakeTime, settled } from "../../../support/fakes/fake_time.ts";
import { FaultRun } from "../fault_fixture.ts";

Deno.test("latency of 100 ms delays by 100 to 110 ms at the median", async () => {
  await using run = new FaultRun("latency", { latency: 100 });
  const written: number[] = [];
  for (let index = 0; index < 40; index++) {
    written.push(performance.now());
    await run.write("message");
    await wait(7);
  }
  await run.end();
  await run.ended;
  const delays = run.times.map((at, index) => at - written[index]!).sort((a, b) => a - b);
  assert.equal(delays.length, 40);
  // A timer may fire up to a millisecond early.
  assert.ok(delays[0]! >= 99, `${delays[0]} ms at least`);
  assert.ok(delays[20]! >= 99 && delays[20]! <= 110, `${delays[20]} ms at the median`);
});

Deno.test("latency goes on reading while chunks wait", async () => {
  using time = new FakeTime();
  await using run = new FaultRun("latency", { latency: 100 });
  for (let index = 0; index < 1000; index++) await run.write(new Uint8Array(1000).fill(index % 256));
  assert.equal(run.bytes.byteLength, 0);
  await time.advance(100);
  assert.deepEqual(run.received.map(([first]) => first), Array.from({ length: 1000 }, (_, at) => at % 256));
});

Deno.test("latency holds no more than its buffer, then reads as much as has left", async () => {
  using time = new FakeTime();
  await using run = new FaultRun("latency", { latency: 100, buffer: 10_000 });
  let taken = 0;
  for (let index = 0; index < 30; index++) void run.write(new Uint8Array(1000)).then(() => taken += 1);
  await settled();
  // A chunk counts 1256 bytes with its overhead; the last one exceeds the bound.
  assert.equal(taken, 7);
  await time.advance(100);
  assert.equal(run.received.length, 8);
  assert.equal(taken, 15);
  await time.advance(300);
  assert.equal(taken, 30);
  assert.equal(run.received.length, 30);
});

Deno.test("latency counts what short chunks take in memory too", async () => {
  using _time = new FakeTime();
  await using run = new FaultRun("latency", { latency: 100, buffer: 10_000 });
  let taken = 0;
  for (let index = 0; index < 200; index++) void run.write("a").then(() => taken += 1);
  await settled();
  assert.equal(taken, 38);
});

Deno.test("latency reads no more while one chunk alone is more than its buffer", async () => {
  using time = new FakeTime();
  await using run = new FaultRun("latency", { latency: 100, buffer: 10_000 });
  await run.write("short");
  await time.advance(50);
  let taken = 0;
  for (const size of [20_000, 1]) void run.write(new Uint8Array(size)).then(() => taken += 1);
  await time.advance(60);
  assert.deepEqual([run.text, taken], ["short", 0]);
  await time.advance(40);
  assert.equal(taken, 2);
});

Deno.test("latency waits with one timer, however many chunks it holds", async () => {
  using _time = new FakeTime();
  await using run = new FaultRun("latency", { latency: 100 });
  const timers = mock.method(globalThis, "setTimeout");
  for (let index = 0; index < 100; index++) await run.write("a");
  assert.equal(timers.mock.callCount(), 1);
});

Deno.test("latency delays the end as well, behind the bytes", async () => {
  using time = new FakeTime();
  await using run = new FaultRun("latency", { latency: 100 });
  await run.write("bytes");
  await time.advance(50);
  void run.end();
  await time.advance(60);
  assert.deepEqual([run.text, run.isEnded], ["bytes", false]);
  await time.advance(40);
  assert.equal(run.isEnded, true);
});

Deno.test("latency keeps the order whatever the jitter, and starts afresh after a pause", async () => {
  using time = new FakeTime();
  await using run = new FaultRun("latency", { latency: 50, jitter: 50 });
  let expected = "";
  for (let index = 0; index < 200; index++) {
    expected += `${index} `;
    await run.write(`${index} `);
    await time.advance(10 * (index % 3));
  }
  await time.advance(100);
  assert.equal(run.text, expected);
  await run.write("last");
  await time.advance(110);
  assert.equal(run.text, `${expected}last`);
});

/** The delays of chunks sent far apart, in milliseconds. */
async function delaysOf(
  values: Partial<Parameters<NonNullable<typeof latency.bytes>>[0]>,
): Promise<number[]> {
  let now = 0;
  const delays: number[] = [];
  const context: FaultContext = {
    signal: new AbortController().signal,
    random: randomOf("latency"),
    now: () => now,
    sleep: (milliseconds) => {
      delays.push(milliseconds);
      now += milliseconds;
      return Promise.resolve();
    },
    close() {},
    reset() {},
  };
  const all = { latency: 1000, jitter: 100, distribution: "uniform", buffer: 1e6, ...values } as const;
  const fault = latency.bytes!(all, context);
  for (let index = 0; index < 4000; index++) {
    await fault.transform(new Uint8Array(1), { enqueue() {}, terminate() {} });
    await Promise.resolve();
    now += 10_000;
  }
  return delays;
}

function momentsOf(values: readonly number[]) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, deviation: Math.sqrt(variance), least: Math.min(...values), most: Math.max(...values) };
}

Deno.test("latency's jitter is even between its bounds", async () => {
  const { mean, deviation, least, most } = momentsOf(await delaysOf({}));
  assert.ok(least >= 900 && least < 902 && most <= 1100 && most > 1098, `${least} to ${most}`);
  // Three deviations of the mean of 4000: 100 / √3 / √4000 × 3.
  assert.ok(Math.abs(mean - 1000) < 2.8, `mean ${mean}`);
  assert.ok(Math.abs(deviation - 100 / Math.sqrt(3)) < 2, `deviation ${deviation}`);
});

Deno.test("latency's jitter can be normal, with the jitter as standard deviation", async () => {
  const { mean, deviation, least, most } = momentsOf(await delaysOf({ distribution: "normal" }));
  assert.ok(Math.abs(mean - 1000) < 4.8, `mean ${mean}`);
  assert.ok(Math.abs(deviation - 100) < 3.4, `deviation ${deviation}`);
  assert.ok(least < 750 && most > 1250, `${least} to ${most}`);
});

Deno.test("latency is never negative", async () => {
  const delays = await delaysOf({ latency: 10, jitter: 100 });
  // Only those that wait at all.
  assert.ok(delays.length > 1900 && delays.length < 2500, `${delays.length}`);
  assert.ok(delays.every((delay) => delay > 0));
});
