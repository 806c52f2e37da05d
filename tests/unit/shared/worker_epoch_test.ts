import assert from "node:assert/strict";
import { WorkerEpoch } from "../../../src/shared/worker_epoch.ts";

Deno.test("WorkerEpoch.isCurrent is false once the epoch was ended, and true for the next worker", () => {
  const supervisor = new WorkerEpoch({ threads: 3 });
  const [worker, other] = [1, 2].map((thread) => new WorkerEpoch(supervisor.startOf(thread)));
  assert.deepEqual([worker!.isCurrent, other!.isCurrent], [true, true]);
  supervisor.end(1);
  assert.deepEqual([worker!.isCurrent, other!.isCurrent, supervisor.isCurrent], [false, true, true]);
  const next = new WorkerEpoch(supervisor.startOf(1));
  assert.deepEqual([worker!.isCurrent, next.isCurrent], [false, true]);
});

Deno.test("WorkerEpoch.startOf() is for one worker: one that begins after its epoch was ended is not current", () => {
  const supervisor = new WorkerEpoch({ threads: 2 });
  const start = structuredClone(supervisor.startOf(1));
  supervisor.end(1);
  assert.equal(new WorkerEpoch(start).isCurrent, false);
  assert.deepEqual([start.thread, start.threads], [1, 2]);
});

Deno.test("WorkerEpoch.end() ends one epoch after the other", () => {
  const supervisor = new WorkerEpoch();
  const starts = [supervisor.startOf(0)];
  for (let ended = 1; ended <= 5; ended++) {
    supervisor.end(0);
    starts.push(supervisor.startOf(0));
    assert.deepEqual(
      starts.map((start) => new WorkerEpoch(start).isCurrent),
      starts.map((_, index) => index === ended),
    );
  }
});

Deno.test("WorkerEpoch is that of the only thread by default", () => {
  const { thread, threads, isCurrent } = new WorkerEpoch();
  assert.deepEqual({ thread, threads, isCurrent }, { thread: 0, threads: 1, isCurrent: true });
  assert.equal(new WorkerEpoch({ thread: 1, threads: 2 }).thread, 1);
});
