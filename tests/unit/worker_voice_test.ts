import assert from "node:assert/strict";
import type { Report } from "../../src/runtime/thread_calls.ts";
import { WorkerVoice } from "../../src/runtime/worker_voice.ts";

const NOBODY = { connectionFailed() {}, makeRoom() {}, freed() {} };

Deno.test("what is said at once is sent in batches that a reader of events has room for", () => {
  const batches: (readonly Report[])[] = [];
  const voice = new WorkerVoice(NOBODY, (reports) => batches.push(reports));
  for (let line = 0; line < 150; line++) voice.log.info(`${line}`);
  assert.deepEqual(batches.map(({ length }) => length), [64, 64]);
  voice.flush();
  const lines = batches.flat().map((report) => report.kind === "log" && report.message);
  assert.deepEqual(lines, Array.from({ length: 150 }, (_, line) => `${line}`));
});
