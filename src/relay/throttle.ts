/** Bandwidth limits: chunks that wait until the rate allows them. */

import { sleep } from "../net/timers/sleep.ts";

/** What may pass at once after a pause, in milliseconds' worth of the rate. */
const BURST = 50;
/** The largest chunk, in milliseconds' worth of the rate: with the burst, no more than a tenth of a second at once. */
const LARGEST_CHUNK = 50;

/** The relay buffer for a rate, in bytes: chunks must not be larger, as they are not cut. */
export function bufferForRate(bytesPerSecond: number, bufferSize: number): number {
  return Math.max(1, Math.min(bufferSize, Math.floor(bytesPerSecond * LARGEST_CHUNK / 1000)));
}

/**
 * A TransformStream that delays chunks so that no more than `bytesPerSecond` pass. It holds one chunk at a time and
 * passes it on as it is; while it waits, nothing is read from the sender.
 *
 * @param signal Ends the waiting.
 */
export function throttlingStream(
  bytesPerSecond: number,
  signal: AbortSignal,
): TransformStream<Uint8Array, Uint8Array> {
  return new TransformStream(new Throttle(bytesPerSecond, signal));
}

class Throttle implements Transformer<Uint8Array, Uint8Array> {
  readonly #bytesPerMillisecond: number;
  readonly #signal: AbortSignal;
  /** When all that has passed would have passed at the exact rate. */
  #paidUntil = -Infinity;

  constructor(bytesPerSecond: number, signal: AbortSignal) {
    this.#bytesPerMillisecond = bytesPerSecond / 1000;
    this.#signal = signal;
  }

  async transform(
    chunk: Uint8Array,
    controller: TransformStreamDefaultController<Uint8Array>,
  ): Promise<void> {
    const now = performance.now();
    const from = Math.max(this.#paidUntil, now - BURST);
    this.#paidUntil = from + chunk.byteLength / this.#bytesPerMillisecond;
    const wait = this.#paidUntil - now;
    if (wait > 0) await sleep(wait, this.#signal);
    controller.enqueue(chunk);
  }
}
