/** The end comes early. */

import { faultKind } from "../fault.ts";

export const truncate = faultKind({
  summary: "Ends the direction (FIN) after some bytes, and discards the rest.",
  parameters: {
    bytes: { kind: "size", default: 0, description: "How many bytes pass before the end." },
  },
  direction: "download",
  bytes({ bytes }) {
    let left = bytes;
    return {
      start(output) {
        if (left === 0) output.terminate();
      },
      transform(chunk, output) {
        output.enqueue(chunk.subarray(0, left));
        left -= Math.min(left, chunk.byteLength);
        if (left === 0) output.terminate();
      },
    };
  },
});
