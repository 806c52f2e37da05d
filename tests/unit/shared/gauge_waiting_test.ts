import assert from "node:assert/strict";
import { type Gauge, GaugeTable } from "../../../src/shared/gauge.ts";
import type { Message, Start } from "./gauge_waiting_worker.ts";
import { WorkerEpoch } from "../../../src/shared/worker_epoch.ts";

Deno.test("Gauge: threads that wait for each other's places miss none", async () => {
  const { table, gauge, epoch } = fixture();
  using threads = new Threads();
  for (const thread of [0, 1, 2, 3]) {
    threads.start({
      memory: table.memory,
      epoch: epoch.startOf(thread),
      limit: 2,
      rounds: 300,
      keeps: false,
    });
  }
  // A thread that missed a place would wait forever: no other thread is left to wake it.
  await Promise.all([0, 1, 2, 3].map((thread) => threads.sent(thread, "done")));
  assert.equal(gauge.value, 0);
  gauge.enter(0);
  assert.equal(gauge.leave(), false);
});

Deno.test("Gauge: waiters get the place of a dead worker when it is reclaimed", async () => {
  const { table, gauge, epoch } = fixture();
  using threads = new Threads();
  const start = (thread: number) => ({ memory: table.memory, epoch: epoch.startOf(thread), limit: 1 });
  threads.start({ ...start(3), rounds: 1, keeps: true });
  await threads.sent(3, "done");
  for (const thread of [0, 1, 2]) threads.start({ ...start(thread), rounds: 2, keeps: false });
  await Promise.all([0, 1, 2].map((thread) => threads.sent(thread, "waits")));
  assert.equal(gauge.value, 1);
  threads.end(3);
  epoch.end(3);
  assert.deepEqual(table.reclaimWorker(3), [gauge.slot]);
  threads.send();
  await Promise.all([0, 1, 2].map((thread) => threads.sent(thread, "done")));
  assert.equal(gauge.value, 0);
  threads.start({ ...start(3), rounds: 5, keeps: true });
  await threads.sent(3, "done");
  assert.equal(gauge.value, 1);
});

Deno.test("Gauge.wait() leaves no waiter behind when its worker dies between any two steps", () => {
  for (let steps = 1;; steps++) {
    const { table, gauge, epoch } = fixture();
    const other = new GaugeTable(1, new WorkerEpoch(epoch.startOf(1)), table.memory).at(gauge.slot);
    let taken = 0;
    const add = Atomics.add;
    Atomics.add = ((...args: Parameters<typeof add>) => {
      const before = add(...args);
      taken += 1;
      if (taken === steps) throw new Error("ended");
      return before;
    }) as typeof add;
    try {
      other.wait();
    } catch {
      // As if the thread had ended there.
    }
    Atomics.add = add;
    const hasEnded = taken === steps;
    assert.ok(steps > 1 || gauge.isAwaited);
    epoch.end(1);
    table.reclaimWorker(1);
    assert.equal(gauge.isAwaited, false, `after ${steps} steps`);
    if (!hasEnded) return;
  }
});

/** Threads whose messages reach all others. */
class Threads implements Disposable {
  readonly #workers = new Map<number, Worker>();
  readonly #messages = new Map<string, PromiseWithResolvers<void>>();

  start(start: Start): void {
    const { thread } = start.epoch;
    const worker = new Worker(new URL("./gauge_waiting_worker.ts", import.meta.url), { type: "module" });
    for (const message of ["waits", "done"] as const) {
      this.#messages.set(`${thread} ${message}`, Promise.withResolvers());
    }
    worker.onmessage = ({ data }: MessageEvent<Message>) => {
      if (data === "freed") this.send();
      else this.#messages.get(`${thread} ${data}`)!.resolve();
    };
    this.#workers.set(thread, worker);
    worker.postMessage(start);
  }

  /** Sends all of them that a place has become free. */
  send(): void {
    for (const worker of this.#workers.values()) worker.postMessage("freed");
  }

  /** Resolves when a thread has sent a message, since it was started. */
  sent(thread: number, message: Message): Promise<void> {
    return this.#messages.get(`${thread} ${message}`)!.promise;
  }

  end(thread: number): void {
    this.#workers.get(thread)!.terminate();
    this.#workers.delete(thread);
  }

  [Symbol.dispose](): void {
    for (const worker of this.#workers.values()) worker.terminate();
  }
}

function fixture(): { table: GaugeTable; gauge: Gauge; epoch: WorkerEpoch } {
  const epoch = new WorkerEpoch({ threads: 4 });
  const table = new GaugeTable(1, epoch);
  return { table, gauge: table.claim()!, epoch };
}
