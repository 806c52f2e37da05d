/** Bandwidth limits: bytes that wait until the rate allows them. */

import type { StageContext, StageFactory } from "./stages.ts";

/** What may pass at once after a pause, in milliseconds' worth of the rate. */
const BURST = 50;
/** The largest chunk, in milliseconds' worth of the rate: with the burst, no more than a tenth of a second at once. */
const LARGEST_CHUNK = 50;

/**
 * A stage that delays bytes so that no more than `bytesPerSecond` pass. It holds one chunk at a time; while it waits,
 * nothing is read from the sender.
 */
export function throttle(bytesPerSecond: number): StageFactory {
  const largestChunk = largestChunkAt(bytesPerSecond);
  return (context) => ({
    name: "throttle",
    transform: new TransformStream(new Throttle(bytesPerSecond, largestChunk, context)),
    largestChunk,
  });
}

/** The largest chunk for a rate, in bytes. */
export function largestChunkAt(bytesPerSecond: number): number {
  return Math.max(1, Math.floor(bytesPerSecond * LARGEST_CHUNK / 1000));
}

class Throttle implements Transformer<Uint8Array, Uint8Array> {
  readonly #bytesPerMillisecond: number;
  readonly #largestChunk: number;
  readonly #clock: Pick<StageContext, "now" | "sleep">;
  /** When all that has passed would have passed at the exact rate. */
  #paidUntil = -Infinity;

  constructor(bytesPerSecond: number, largestChunk: number, clock: Pick<StageContext, "now" | "sleep">) {
    this.#bytesPerMillisecond = bytesPerSecond / 1000;
    this.#largestChunk = largestChunk;
    this.#clock = clock;
  }

  async transform(
    chunk: Uint8Array,
    controller: TransformStreamDefaultController<Uint8Array>,
  ): Promise<void> {
    // What is read is small enough; what a stage before this one makes of it may not be.
    for (let at = 0; at < chunk.byteLength; at += this.#largestChunk) {
      const piece = chunk.byteLength <= this.#largestChunk
        ? chunk
        : chunk.subarray(at, at + this.#largestChunk);
      await this.#wait(piece.byteLength);
      controller.enqueue(piece);
    }
  }

  async #wait(bytes: number): Promise<void> {
    const now = this.#clock.now();
    const from = Math.max(this.#paidUntil, now - BURST);
    this.#paidUntil = from + bytes / this.#bytesPerMillisecond;
    const wait = this.#paidUntil - now;
    if (wait > 0) await this.#clock.sleep(wait);
  }
}
