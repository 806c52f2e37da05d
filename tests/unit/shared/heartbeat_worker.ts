/** A thread with a heartbeat, which sends a message after the second beat. */

import { Heartbeat } from "../../../src/shared/heartbeat.ts";

addEventListener("message", (event) => {
  const { memory, thread }: { memory: SharedArrayBuffer; thread: number } = (event as MessageEvent).data;
  const beats = new Int32Array(memory);
  new Heartbeat(memory, thread);
  const watch = setInterval(() => {
    if (Atomics.load(beats, thread) < 2) return;
    clearInterval(watch);
    self.postMessage("beaten");
  }, 10);
});

declare const self: { postMessage(message: string): void };
