/** Bytes arrive in small pieces. */

import { type ByteFault, type FaultContext, faultKind, type Output } from "../fault.ts";

/** A shorter wait, in milliseconds, is added to that of the next piece, because a timer takes as long. */
const SHORTEST_WAIT = 1;

export const slicer = faultKind({
  summary: "Divides what passes into small pieces.",
  parameters: {
    averageSize: { kind: "size", description: "The average size of a piece." },
    sizeVariation: {
      kind: "size",
      default: 0,
      description: "By how much a piece is larger or smaller at most. The seed determines the sizes.",
    },
    delay: { kind: "duration", default: 0, description: "The time between two pieces." },
  },
  direction: "download",
  bytes({ averageSize, sizeVariation, delay }, context) {
    const { random } = context;
    const drawSize = () => Math.round(averageSize + (2 * random() - 1) * sizeVariation);
    return new Slices(context, delay, () => Math.max(1, drawSize()));
  },
});

/**
 * Divides bytes at positions that do not depend on the chunks: a piece at the end of a chunk goes on in the next one.
 */
export class Slices implements ByteFault {
  readonly #context: FaultContext;
  readonly #delay: number;
  readonly #drawSize: () => number;
  /** How many bytes of the current piece are still to pass. */
  #left = 0;
  /** When the next piece may pass. */
  #next = -Infinity;

  /** @param delay In milliseconds, between the beginnings of two pieces. */
  constructor(context: FaultContext, delay: number, drawSize: () => number) {
    this.#context = context;
    this.#delay = delay;
    this.#drawSize = drawSize;
  }

  async transform(chunk: Uint8Array, output: Output): Promise<void> {
    let at = 0;
    while (at < chunk.byteLength) {
      if (this.#left === 0) {
        await this.#wait();
        this.#left = this.#drawSize();
      }
      const end = this.#context.signal.aborted
        ? chunk.byteLength
        : Math.min(at + this.#left, chunk.byteLength);
      output.enqueue(chunk.subarray(at, end));
      this.#left = Math.max(0, this.#left - (end - at));
      at = end;
    }
  }

  #wait(): Promise<void> | undefined {
    const now = this.#context.now();
    const at = Math.max(this.#next, now);
    this.#next = at + this.#delay;
    return at - now >= SHORTEST_WAIT ? this.#context.sleep(at - now) : undefined;
  }
}
