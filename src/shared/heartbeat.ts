/**
 * Detects threads whose event loop is stuck: blocked in the kernel, or in an endless loop. Each thread counts up a word
 * of shared memory, and the supervisor checks whether it has moved. Checks without a heartbeat count, not time: after
 * a process was suspended, or a machine was asleep, hours may have passed in which no thread could run.
 */

/** Milliseconds between the heartbeats of a thread. Check less often than that. */
export const HEARTBEAT_INTERVAL = 500;
/** Milliseconds between two checks, and missed checks before a thread counts as hung: half a minute in all. */
const CHECK_INTERVAL = 1000;
const MISSED_LIMIT = 30;

/** In a thread: beats until it is disposed of. Does not keep the process alive. */
export class Heartbeat implements Disposable {
  readonly #timer: ReturnType<typeof setInterval>;

  /** @param memory That of {@linkcode Heartbeats}. */
  constructor(memory: SharedArrayBuffer, thread: number) {
    const beats = new Int32Array(memory);
    const beat = () => void Atomics.add(beats, thread, 1);
    beat();
    this.#timer = setInterval(beat, HEARTBEAT_INTERVAL);
    this.#timer.unref();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** In the supervisor: the heartbeats of all threads. */
export class Heartbeats {
  /** For {@linkcode Heartbeat} in each thread. */
  readonly memory: SharedArrayBuffer;
  readonly #beats: Int32Array;
  /** By thread: the count at the last check, and for how many checks it has not changed. */
  readonly #seen: { count: number; missed: number }[];

  constructor(threads: number) {
    this.memory = new SharedArrayBuffer(threads * Int32Array.BYTES_PER_ELEMENT);
    this.#beats = new Int32Array(this.memory);
    this.#seen = Array.from({ length: threads }, (_, thread) => this.#now(thread));
  }

  /** Checks a thread; returns how many checks in a row have found no new heartbeat. */
  check(thread: number): number {
    const { count, missed } = this.#seen[thread]!;
    const seen = this.#now(thread);
    if (seen.count === count) seen.missed = missed + 1;
    this.#seen[thread] = seen;
    return seen.missed;
  }

  /** Starts counting over for a thread that is being replaced. */
  reset(thread: number): void {
    this.#seen[thread] = this.#now(thread);
  }

  #now(thread: number): { count: number; missed: number } {
    return { count: Atomics.load(this.#beats, thread), missed: 0 };
  }
}

/** In the supervisor: checks all threads until it is disposed of. */
export class HeartbeatMonitor implements Disposable {
  readonly #timer: ReturnType<typeof setInterval>;

  /**
   * @param slots `thread` is undefined while a thread is being replaced.
   * @param onHung Called at every check while a thread is over the limit.
   */
  constructor(
    heartbeats: Heartbeats,
    slots: readonly { readonly thread: unknown }[],
    onHung: (thread: number) => void,
  ) {
    this.#timer = setInterval(() => {
      for (const [thread, slot] of slots.entries()) {
        if (slot.thread === undefined) heartbeats.reset(thread);
        else if (heartbeats.check(thread) >= MISSED_LIMIT) onHung(thread);
      }
    }, CHECK_INTERVAL);
    this.#timer.unref();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
