/**
 * Keeps a dead worker from counting for its replacement, which has the same thread number.
 *
 * Deno lets a terminated worker finish its turn, so its last counts could come after the supervisor has reclaimed the
 * counts of the worker. Therefore each worker has an epoch, and counts nothing after the supervisor has ended it. A
 * worker that has checked its epoch just before may still make one change, so the supervisor reclaims the counts once
 * more before it starts the replacement.
 */

/** What a worker needs to use the epoch that it was started with. */
export interface EpochStart {
  /** From 0. */
  readonly thread: number;
  readonly threads: number;
  readonly memory: SharedArrayBuffer;
  readonly epoch: number;
}

export class WorkerEpoch {
  readonly thread: number;
  readonly threads: number;
  /** The current epoch of each thread. */
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #epoch: number;

  /** By default, the epoch of the only thread. `epoch` is the current one by default. */
  constructor({ thread = 0, threads = 1, memory, epoch }: Partial<EpochStart> = {}) {
    this.thread = thread;
    this.threads = threads;
    this.#words = new Int32Array(memory ?? new SharedArrayBuffer(threads * Int32Array.BYTES_PER_ELEMENT));
    this.#epoch = epoch ?? this.#current(thread);
  }

  /** False once the supervisor has ended it. */
  get isCurrent(): boolean {
    // Not an atomic load: this runs for every counted chunk, which would then cost 11 ns instead of 6.
    return this.#words[this.thread] === this.#epoch;
  }

  /** The start of the epoch of a new worker. */
  startOf(thread: number): EpochStart {
    return { thread, threads: this.threads, memory: this.#words.buffer, epoch: this.#current(thread) };
  }

  /** Ends the epoch of a worker: it counts nothing from now on. */
  end(thread: number): void {
    Atomics.add(this.#words, thread, 1);
  }

  #current(thread: number): number {
    return Atomics.load(this.#words, thread);
  }
}
