/** Loaded before sluice: stages come to the connections of some services, and go, in all threads. */

import "./coming_and_going.ts";

const OriginalWorker = globalThis.Worker;

globalThis.Worker = class extends OriginalWorker {
  constructor(_url: string | URL, options?: WorkerOptions) {
    super(import.meta.resolve("./worker.ts"), options);
  }
};
