/** Loaded before sluice: adds and removes stages on connections of some services, in all threads. */

import "./coming_and_going.ts";

const OriginalWorker = globalThis.Worker;

globalThis.Worker = class extends OriginalWorker {
  constructor(_url: string | URL, options?: WorkerOptions) {
    super(import.meta.resolve("./worker.ts"), options);
  }
};
