/** Bandwidth limits: bytes that wait until the rate allows them. */

import type { StageContext, StageFactory } from "./stages.ts";

/** The burst after a pause: so many milliseconds of the rate. */
const BURST = 50;
/** The largest chunk, also in milliseconds of the rate: with the burst, at most a tenth of a second at once. */
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
  /** When the exact rate would have delivered what has passed so far. */
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
    // Reads are small enough; chunks of an earlier stage may be larger.
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
