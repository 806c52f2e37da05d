/** Bandwidth limits: bytes that wait until the rate allows them. */

import { largestChunkAt, RateLimit } from "../faults/kinds/bandwidth.ts";
import type { StageFactory } from "./stages.ts";

/** A stage that delays bytes so that no more than `bytesPerSecond` pass. */
export function throttle(bytesPerSecond: number): StageFactory {
  return (context) => ({
    name: "throttle",
    transform: new TransformStream<Uint8Array, Uint8Array>(new RateLimit(bytesPerSecond, context)),
    largestChunk: largestChunkAt(bytesPerSecond),
  });
}
