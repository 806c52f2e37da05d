/** Loaded before sluice: its second worker hangs after a while, and heartbeats are checked more often. */

const OriginalWorker = globalThis.Worker;
const originalInterval = globalThis.setInterval;
let started = 0;

globalThis.Worker = class extends OriginalWorker {
  constructor(url: string | URL, options?: WorkerOptions) {
    started += 1;
    super(started === 2 ? import.meta.resolve("./hung_thread_worker.ts") : url, options);
  }
};

// The checks of thirty seconds within six.
globalThis.setInterval =
  ((callback: () => void, delay?: number) =>
    originalInterval(callback, delay === 1000 ? 200 : delay)) as typeof setInterval;
