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

/** Repeats an action until it is disposed of. Does not keep the process alive. */
class Interval implements Disposable {
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(action: () => void, milliseconds: number) {
    this.#timer = setInterval(action, milliseconds);
    this.#timer.unref();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** Runs in a thread: beats until it is disposed of. */
export class Heartbeat extends Interval {
  /** @param memory A word for each thread, which starts with 0. */
  constructor(memory: SharedArrayBuffer, thread: number) {
    const beats = new Int32Array(memory);
    const beat = () => void Atomics.add(beats, thread, 1);
    beat();
    super(beat, HEARTBEAT_INTERVAL);
  }
}

/** Runs in the supervisor: checks all threads until it is disposed of. */
export class HeartbeatMonitor extends Interval {
  readonly #beats: Int32Array;
  readonly #slots: readonly { readonly thread: unknown }[];
  /** The counts at the last call of {@linkcode areAlive} that had an answer of its own, and that answer. */
  #asked: { readonly beats: Int32Array; readonly at: number; readonly areAlive: boolean };

  /**
   * @param memory That of each {@linkcode Heartbeat}.
   * @param slots `thread` is undefined while a thread is being replaced.
   * @param onHung Called at every check while a thread is over the limit.
   */
  constructor(
    memory: SharedArrayBuffer,
    slots: readonly { readonly thread: unknown }[],
    onHung: (thread: number) => void,
  ) {
    const beats = new Int32Array(memory);
    const seen = beats.slice();
    const missed = slots.map(() => 0);
    super(() => {
      for (const [thread, slot] of slots.entries()) {
        const count = Atomics.load(beats, thread);
        const isSilent = slot.thread !== undefined && count === seen[thread];
        missed[thread] = isSilent ? missed[thread]! + 1 : 0;
        seen[thread] = count;
        if (missed[thread] >= MISSED_LIMIT) onHung(thread);
      }
    }, CHECK_INTERVAL);
    this.#beats = beats;
    this.#slots = slots;
    this.#asked = { beats: seen.slice(), at: performance.now(), areAlive: true };
  }

  /**
   * Whether every thread has had a turn since the previous call. Threads that are being replaced count as alive. A call
   * within two intervals of the previous one gets the same answer: threads may not have been due yet.
   *
   * @param at Milliseconds of a clock that never goes back.
   */
  areAlive(at = performance.now()): boolean {
    if (at - this.#asked.at < 2 * HEARTBEAT_INTERVAL) return this.#asked.areAlive;
    const beats = this.#beats.map((_, thread) => Atomics.load(this.#beats, thread));
    const areAlive = this.#slots.every(({ thread }, index) =>
      thread === undefined || beats[index] !== this.#asked.beats[index]
    );
    this.#asked = { beats, at, areAlive };
    return areAlive;
  }
}
