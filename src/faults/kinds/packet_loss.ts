/** Bytes get lost. */

import { faultKind } from "../fault.ts";

export const packetLoss = faultKind({
  summary: "Drops some of the chunks that were read at once: the bytes are missing, and what follows passes.",
  parameters: {
    lossRate: { kind: "share", default: 0.1, description: "The share of chunks that are dropped." },
    correlation: {
      kind: "share",
      default: 0,
      description: "Added to `loss_rate` for the chunk after a dropped one, so that losses come in bursts.",
    },
  },
  direction: "download",
  bytes({ lossRate, correlation }, { random }) {
    let isLost = false;
    return {
      transform(chunk, output) {
        isLost = random() < lossRate + (isLost ? correlation : 0);
        if (!isLost) output.enqueue(chunk);
      },
    };
  },
});
