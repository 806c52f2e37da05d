/** The part of a table of gauges that one thread writes, or that of all threads together. */

/** Shares begin at cache lines of their own, so that threads do not take them from each other. */
const WORDS_PER_LINE = 64 / Int32Array.BYTES_PER_ELEMENT;
/** Words before the counts: which thread's share it is, by how many had it before. */
const HEADER = 1;

export class GaugeShare {
  /** How many have entered and not left, and how many wait, by slot. */
  readonly entered: Int32Array<SharedArrayBuffer>;
  readonly waiting: Int32Array<SharedArrayBuffer>;
  readonly #header: Int32Array<SharedArrayBuffer>;
  readonly #life: number;

  /** @param at Where it begins in the memory, in words of 32 bits. */
  constructor(memory: SharedArrayBuffer, at: number, slots: number) {
    const words = new Int32Array(memory, at * Int32Array.BYTES_PER_ELEMENT, GaugeShare.words(slots));
    this.#header = words.subarray(0, HEADER);
    this.#life = Atomics.load(this.#header, 0);
    this.entered = words.subarray(HEADER, HEADER + slots);
    this.waiting = words.subarray(HEADER + slots, HEADER + 2 * slots);
  }

  /** How many words it takes. */
  static words(slots: number): number {
    return Math.ceil((HEADER + 2 * slots) / WORDS_PER_LINE) * WORDS_PER_LINE;
  }

  /** False once another thread has said that this one has ended. */
  get isLive(): boolean {
    return Atomics.load(this.#header, 0) === this.#life;
  }

  /** From now on, whoever has this share now finds that it is not theirs any more. */
  end(): void {
    Atomics.add(this.#header, 0, 1);
  }
}
