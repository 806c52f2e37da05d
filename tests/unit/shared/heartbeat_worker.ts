/** A thread that shows signs of life, and tells when its timer has shown one. */

import { Heartbeat } from "../../../src/shared/heartbeat.ts";

addEventListener("message", (event) => {
  const { memory, thread }: { memory: SharedArrayBuffer; thread: number } = (event as MessageEvent).data;
  const signs = new Int32Array(memory);
  new Heartbeat(memory, thread);
  const watch = setInterval(() => {
    if (Atomics.load(signs, thread) < 2) return;
    clearInterval(watch);
    self.postMessage("shown");
  }, 10);
});

declare const self: { postMessage(message: string): void };
