/** The connection ends after some bytes. */

import { faultKind } from "../fault.ts";

export const limitData = faultKind({
  summary: "Closes the connection once this many bytes have passed.",
  parameters: {
    bytes: { kind: "size", description: "How many bytes pass. With 0, the first one closes the connection." },
  },
  direction: "download",
  bytes({ bytes }, { close }) {
    let left = bytes;
    return {
      transform(chunk, output) {
        if (left > 0) output.enqueue(chunk.subarray(0, left));
        left = Math.max(0, left - chunk.byteLength);
        if (left === 0) close();
      },
    };
  },
});
