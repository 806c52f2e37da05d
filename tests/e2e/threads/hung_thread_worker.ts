/** A relay thread that stops in the middle of a turn, for good, when it has worked for a second. */

import "../../../src/runtime/worker/worker.ts";

setTimeout(
  () => Atomics.wait(new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)), 0, 0),
  1000,
);
