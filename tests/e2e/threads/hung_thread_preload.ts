/** Loaded before sluice: its second worker hangs after a while, and it looks for signs of life more often. */

const OriginalWorker = globalThis.Worker;
const originalInterval = globalThis.setInterval;
let started = 0;

globalThis.Worker = class extends OriginalWorker {
  constructor(url: string | URL, options?: WorkerOptions) {
    started += 1;
    super(started === 2 ? import.meta.resolve("./hung_thread_worker.ts") : url, options);
  }
};

// Thirty seconds of looks in six.
globalThis.setInterval =
  ((callback: () => void, delay?: number) =>
    originalInterval(callback, delay === 1000 ? 200 : delay)) as typeof setInterval;
