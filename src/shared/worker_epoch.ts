/**
 * Keeps a dead worker from counting for its replacement, which has the same thread number.
 *
 * Deno lets a terminated worker finish its turn. Its last counts would come after the supervisor has reclaimed the
 * counts of the worker. So each worker has an epoch, and counts nothing once the supervisor has ended it. A worker that has checked just before may still make
 * one change: the supervisor reclaims the counts once more before it starts the replacement.
 */

/** How a worker makes the epoch that it was started with. */
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
  /** Words by thread: its current epoch. */
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #epoch: number;

  /**
   * By default that of the only thread. `epoch` is the current one by default.
   *
   * @throws {RangeError} when there is no such thread.
   */
  constructor({ thread = 0, threads = 1, memory, epoch }: Partial<EpochStart> = {}) {
    if (!Number.isInteger(thread) || thread < 0 || thread >= threads) {
      throw new RangeError(`Cannot count in thread ${thread}: there are ${threads}`);
    }
    this.thread = thread;
    this.threads = threads;
    this.#words = new Int32Array(memory ?? new SharedArrayBuffer(threads * Int32Array.BYTES_PER_ELEMENT));
    this.#epoch = epoch ?? this.#current(thread);
  }

  /** False once the supervisor has ended it. */
  get isCurrent(): boolean {
    // Every counted chunk asks this, and an atomic load would double what the chunk costs (11 ns rather than 6).
    return this.#words[this.thread] === this.#epoch;
  }

  /** For a worker that is started now. */
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
