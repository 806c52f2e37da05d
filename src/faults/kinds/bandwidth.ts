/** Bytes wait until the rate allows them. */

import { type ByteFault, type FaultContext, faultKind, type Output } from "../fault.ts";

/** The burst after a pause, in milliseconds of the rate. */
const BURST = 50;
/** The largest chunk, in milliseconds of the rate. With the burst, at most a tenth of a second passes at once. */
const LARGEST_CHUNK = 50;
/** A shorter wait, in milliseconds, is added to the next one, because a timer takes as long. */
const SHORTEST_WAIT = 1;
/** How much of the delay of a late timer may be made up for, in milliseconds. */
const MOST_LATE = 1000;

export const bandwidth = faultKind({
  summary: "Limits the rate.",
  parameters: {
    rate: { kind: "bandwidth", description: "How many bytes pass per second. 0: none." },
  },
  direction: "download",
  largestChunk: ({ rate }) => largestChunkAt(rate),
  bytes: ({ rate }, context) => new RateLimit(rate, context),
});

/** The largest chunk in bytes, for a rate in bytes per second. */
export function largestChunkAt(rate: number): number {
  return Math.max(1, Math.floor(rate * LARGEST_CHUNK / 1000));
}

/** Delays bytes to keep to a rate. Holds one chunk at a time, and reads nothing while that waits. */
export class RateLimit implements ByteFault {
  readonly #bytesPerMillisecond: number;
  readonly #largestChunk: number;
  readonly #clock: Pick<FaultContext, "signal" | "now" | "sleep">;
  /** The time at which the exact rate would have delivered what has passed so far. */
  #paidUntil: number;
  /** How much may pass at once, in milliseconds of the rate: after a late timer, more than after a pause. */
  #burst = BURST;

  /** @param rate In bytes per second. */
  constructor(rate: number, clock: Pick<FaultContext, "signal" | "now" | "sleep">) {
    this.#bytesPerMillisecond = rate / 1000;
    this.#largestChunk = largestChunkAt(rate);
    this.#clock = clock;
    this.#paidUntil = clock.now();
  }

  async transform(chunk: Uint8Array, output: Output): Promise<void> {
    const { signal } = this.#clock;
    // With a rate of 0, no bytes would take 0 / 0 milliseconds.
    if (chunk.byteLength === 0) return;
    // Reads are small enough; chunks of an earlier stage may be larger.
    let left = chunk;
    while (left.byteLength > this.#largestChunk && !signal.aborted) {
      await this.#wait(this.#largestChunk);
      output.enqueue(left.subarray(0, this.#largestChunk));
      left = left.subarray(this.#largestChunk);
    }
    await this.#wait(left.byteLength);
    output.enqueue(left);
  }

  async #wait(bytes: number): Promise<void> {
    const now = this.#clock.now();
    const from = Math.max(this.#paidUntil, now - this.#burst);
    this.#paidUntil = from + bytes / this.#bytesPerMillisecond;
    const wait = this.#paidUntil - now;
    if (wait < SHORTEST_WAIT) return this.#limitBurst(-wait, this.#burst);
    await this.#clock.sleep(wait);
    this.#limitBurst(this.#clock.now() - this.#paidUntil, MOST_LATE);
  }

  #limitBurst(late: number, most: number): void {
    this.#burst = Math.max(BURST, Math.min(late, most));
  }
}
