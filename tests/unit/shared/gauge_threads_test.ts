import assert from "node:assert/strict";
import { type Gauge, GaugeTable } from "../../../src/shared/gauge.ts";
import type { Report, Start } from "./gauge_life_worker.ts";
import type { Result, Task } from "./gauge_worker.ts";
import { inThreads } from "../../support/threads.ts";
import { WorkerEpoch } from "../../../src/shared/worker_epoch.ts";

for (const { threads, limit, held } of [[2, 1, 0], [2, 2, 1], [4, 3, 2]].map(named)) {
  Deno.test(`Gauge: ${threads} threads never pass a limit of ${limit} with ${held} entered for good, and lose no count`, async () => {
    const rounds = 50_000;
    const size = { slots: 2, threads: threads + 1 };
    const table = new GaugeTable(size.slots, new WorkerEpoch({ thread: threads, threads: size.threads }));
    table.claim();
    const gauge = claim(table);
    for (let taken = 0; taken < held; taken++) gauge.enter(limit);
    const shared = new Int32Array(new SharedArrayBuffer(3 * Int32Array.BYTES_PER_ELEMENT));
    const task = { memory: table.memory, ...size, slot: gauge.slot, limit, rounds, shared: shared.buffer };
    const module = new URL("./gauge_worker.ts", import.meta.url);
    const results = await inThreads<Task, Result>(threads, module, task);
    assert.deepEqual(
      results.map(({ thread }) => thread).sort(),
      Array.from({ length: threads }, (_, at) => at),
    );
    for (const { highest, most } of results) assert.ok(highest <= limit && most <= limit - held);
    assert.equal(Math.max(...results.map(({ highest }) => highest)), limit);
    // With room for one, no other thread may have entered between reading the number and writing it.
    if (limit - held === 1) assert.equal(shared[2], threads * rounds);
    assert.equal(gauge.value, held);
  });
}

Deno.test("Gauge: workers that are terminated at any point and replaced leave the counts right", async () => {
  const size = { slots: 3, threads: 4 };
  const limit = 7;
  const epoch = new WorkerEpoch({ threads: size.threads });
  const table = new GaugeTable(size.slots, epoch);
  const gauges = [claim(table), claim(table), claim(table)];
  // The number in each gauge as the members count it: in total, and by thread.
  const inside = Array.from(
    { length: 1 + size.threads },
    () => new Int32Array(new SharedArrayBuffer(size.slots * Int32Array.BYTES_PER_ELEMENT)),
  );
  const start = (thread: number) =>
    new Life({
      memory: table.memory,
      slots: size.slots,
      epoch: epoch.startOf(thread),
      limit,
      inside: inside[0]!,
      own: inside[1 + thread]!,
    });
  const lives = [0, 1, 2, 3].map(start);
  for (let round = 0; round < 12; round++) {
    const thread = round % size.threads;
    await Promise.all(lives.map((life) => life.progress()));
    lives[thread]!.end();
    // First the observers' number (the dead thread changes nothing more): after the reclaim, the others may enter.
    for (const { slot } of gauges) {
      Atomics.sub(inside[0]!, slot, Atomics.exchange(inside[1 + thread]!, slot, 0));
    }
    epoch.end(thread);
    table.reclaimWorker(thread);
    lives[thread] = start(thread);
  }
  const held = (await Promise.all(lives.map((life) => life.stop()))).map(({ most, held }) => {
    assert.ok(most <= limit, `${most}`);
    return held;
  });
  for (const { slot, value } of gauges) {
    assert.equal(value, held.reduce((sum, counts) => sum + counts[slot]!, 0));
    assert.equal(value, inside[0]![slot]);
  }
  assert.ok(gauges.some(({ value }) => value > 0));
  for (const life of lives) life.end();
  for (const thread of [0, 1, 2, 3]) table.reclaimWorker(thread);
  assert.deepEqual(gauges.map(({ value }) => value), [0, 0, 0]);
});

Deno.test("Gauge: a terminated worker that finishes its turn changes nothing", async () => {
  const epoch = new WorkerEpoch({ threads: 2 });
  const table = new GaugeTable(1, epoch);
  const gauge = claim(table);
  gauge.enter(0);
  const shared = new Int32Array(new SharedArrayBuffer(3 * Int32Array.BYTES_PER_ELEMENT));
  const worker = new Worker(new URL("./gauge_zombie_worker.ts", import.meta.url), { type: "module" });
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  worker.onmessage = resolve;
  worker.onerror = (event) => (event.preventDefault(), reject(new Error(event.message)));
  worker.postMessage({ memory: table.memory, epoch: epoch.startOf(1), slot: gauge.slot, shared });
  await promise;
  assert.equal(gauge.value, 3);
  worker.terminate();
  epoch.end(1);
  table.reclaimWorker(1);
  assert.equal(gauge.value, 1);
  Atomics.store(shared, 0, 1);
  Atomics.notify(shared, 0);
  assert.notEqual(Atomics.wait(shared, 1, 0, 10_000), "timed-out");
  // It could not enter, and its places had no waiter.
  assert.equal(shared[2], 0);
  assert.equal(gauge.value, 1);
  assert.deepEqual(table.reclaimWorker(1), []);
  assert.equal(gauge.value, 1);
});

/** A thread that enters and leaves until it is stopped or terminated. */
class Life {
  readonly #worker = new Worker(new URL("./gauge_life_worker.ts", import.meta.url), { type: "module" });
  /** 1 during a turn; 1 when no other turn must begin. */
  readonly #turn = new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));
  #next = Promise.withResolvers<Report>();

  constructor(start: Omit<Start, "turn">) {
    this.#worker.onmessage = ({ data }) => {
      this.#next.resolve(data);
      this.#next = Promise.withResolvers();
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#next.reject(new Error(event.message));
    };
    this.#worker.postMessage({ ...start, turn: this.#turn } satisfies Start);
  }

  /** Resolves when it has made another step. */
  progress(): Promise<Report> {
    return this.#next.promise;
  }

  /** Stops without leaving what it has entered. */
  async stop(): Promise<Report> {
    this.#worker.postMessage("stop");
    for (;;) {
      const report = await this.progress();
      if (report.isLast) return report;
    }
  }

  /** A turn that has begun continues to its end. */
  end(): void {
    this.#worker.terminate();
    Atomics.store(this.#turn, 1, 1);
    while (Atomics.load(this.#turn, 0) === 1) Atomics.wait(this.#turn, 0, 1);
  }
}

function claim(table: GaugeTable): Gauge {
  const gauge = table.claim();
  assert.ok(gauge);
  return gauge;
}

function named([threads, limit, held]: number[]): { threads: number; limit: number; held: number } {
  return { threads: threads!, limit: limit!, held: held! };
}
