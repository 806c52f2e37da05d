/** Bytes arrive later, at an unchanged rate. */

import { type ByteFault, type FaultContext, faultKind, type Output } from "../fault.ts";

/** The memory of a chunk besides its bytes: many short ones must not take more memory than a few long ones. */
const CHUNK_COST = 256;

export const latency = faultKind({
  summary: "Delays what passes, without limiting the rate.",
  parameters: {
    latency: { kind: "duration", description: "How long bytes and the end of the direction are delayed." },
    jitter: {
      kind: "duration",
      default: 0,
      description: "By how much the delay of a chunk differs from `latency`. Bytes stay in order.",
    },
    distribution: {
      kind: "choice",
      choices: ["uniform", "normal"],
      default: "uniform",
      description:
        "With `uniform`, up to `jitter` more or less; with `normal`, `jitter` is the standard deviation.",
    },
    buffer: {
      kind: "size",
      default: 256 * 1024 * 1024,
      description: "How many bytes each direction of a connection holds before it stops reading.",
    },
  },
  direction: "download",
  bytes(values, context) {
    const { latency, jitter, distribution, buffer } = values;
    const draw = distribution === "normal" ? () => normal(context.random) : () => 2 * context.random() - 1;
    return new DelayLine(context, buffer, () => latency + (jitter > 0 ? jitter * draw() : 0));
  },
});

/** A chunk, and when it leaves. */
interface Held {
  readonly chunk: Uint8Array;
  readonly due: number;
}

class DelayLine implements ByteFault {
  readonly #context: FaultContext;
  /** The limit of held bytes. */
  readonly #most: number;
  readonly #drawDelay: () => number;
  /** The held chunks from `#first` on; those before have left. */
  readonly #held: Held[] = [];
  #first = 0;
  #bytes = 0;
  /** When the last chunk leaves: later ones leave no earlier. */
  #lastDue = -Infinity;
  #isLeaving = false;
  #leaving: Promise<void> | undefined;
  #room: PromiseWithResolvers<void> | undefined;

  constructor(context: FaultContext, most: number, drawDelay: () => number) {
    this.#context = context;
    this.#most = most;
    this.#drawDelay = drawDelay;
  }

  transform(chunk: Uint8Array, output: Output): void | Promise<void> {
    this.#held.push({ chunk, due: this.#nextDue() });
    this.#bytes += chunk.byteLength + CHUNK_COST;
    if (!this.#isLeaving) this.#leaving = this.#leave(output);
    if (this.#bytes > this.#most) return (this.#room = Promise.withResolvers()).promise;
  }

  async flush(): Promise<void> {
    const due = this.#nextDue();
    await this.#leaving;
    await this.#context.sleep(Math.max(0, due - this.#context.now()));
  }

  #nextDue(): number {
    return this.#lastDue = Math.max(this.#lastDue, this.#context.now() + Math.max(0, this.#drawDelay()));
  }

  async #leave(output: Output): Promise<void> {
    const { signal, now, sleep } = this.#context;
    this.#isLeaving = true;
    while (this.#first < this.#held.length) {
      const { chunk, due } = this.#held[this.#first]!;
      const wait = signal.aborted ? 0 : due - now();
      if (wait > 0) await sleep(wait);
      else this.#pass(chunk, output);
    }
    this.#isLeaving = false;
  }

  #pass(chunk: Uint8Array, output: Output): void {
    this.#first += 1;
    // Removes the chunks that have left once they are more than half of the list.
    if (this.#first * 2 > this.#held.length) {
      this.#held.splice(0, this.#first);
      this.#first = 0;
    }
    this.#bytes -= chunk.byteLength + CHUNK_COST;
    output.enqueue(chunk);
    if (this.#bytes > this.#most) return;
    this.#room?.resolve();
    this.#room = undefined;
  }
}

/** With a mean of 0 and a standard deviation of 1 (Box and Muller). */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
