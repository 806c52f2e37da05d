/** Bits flip. */

import { faultKind } from "../fault.ts";

export const corrupt = faultKind({
  summary: "Flips a random bit in some of the bytes. The choice does not depend on the chunks.",
  parameters: {
    rate: { kind: "share", description: "The share of bytes in which a bit is flipped." },
  },
  direction: "download",
  bytes({ rate }, { random }) {
    // The number of bytes before the next flip (geometric distribution): one random number per flip, not per byte.
    const drawGap = () => rate === 0 ? Infinity : Math.floor(Math.log1p(-random()) / Math.log1p(-rate));
    let gap = drawGap();
    return {
      transform(chunk, output) {
        // A copy, because a filter may send the same bytes again.
        const bytes = gap < chunk.byteLength ? chunk.slice() : chunk;
        let at = gap;
        for (; at < bytes.byteLength; at += 1 + drawGap()) bytes[at]! ^= 1 << Math.floor(random() * 8);
        gap = at - bytes.byteLength;
        output.enqueue(bytes);
      },
    };
  },
});
