/** Nothing arrives any more. */

import { faultKind } from "../fault.ts";

export const blackhole = faultKind({
  summary:
    "Swallows all bytes and the end of the direction (FIN). If it stops acting after that, closes the connection.",
  parameters: {},
  direction: "download",
  bytes(_, { signal, sleep, close }) {
    let isMissing = false;
    return {
      transform() {
        isMissing = true;
      },
      async flush() {
        if (!signal.aborted) isMissing = true;
        await sleep(Infinity);
        if (isMissing) close();
      },
    };
  },
});
