/** Bytes disappear, and later the connection ends. */

import { faultKind } from "../fault.ts";

export const timeout = faultKind({
  summary: "Swallows all bytes, and closes the connection after a while, or when it stops acting.",
  parameters: {
    timeout: {
      kind: "duration",
      description:
        "The time from the beginning of the fault to the close of the connection. 0: when the fault stops acting.",
    },
  },
  direction: "download",
  bytes({ timeout }, { sleep, close }) {
    const over = sleep(timeout === 0 ? Infinity : timeout);
    void over.then(close);
    return { transform() {}, flush: () => over };
  },
});
