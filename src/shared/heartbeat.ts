/**
 * How a supervisor sees whether threads still take turns: each counts up a number of its own in shared memory, and
 * the supervisor looks whether it has moved. What counts is looks and not time: a process that was suspended, or a
 * machine that was asleep, finds hours gone by in which nobody could have shown anything.
 */

/** Milliseconds between the signs of a thread. Whoever looks more often than that sees none without reason. */
export const SIGN_INTERVAL = 500;

/** In a thread: shows signs until it is disposed of. Does not keep the process alive. */
export class Heartbeat implements Disposable {
  readonly #timer: ReturnType<typeof setInterval>;

  /** @param memory That of {@linkcode SignsOfLife}. */
  constructor(memory: SharedArrayBuffer, thread: number) {
    const signs = new Int32Array(memory);
    const show = () => void Atomics.add(signs, thread, 1);
    show();
    this.#timer = setInterval(show, SIGN_INTERVAL);
    this.#timer.unref();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** In the supervisor: looks for signs of all threads. */
export class SignsOfLife {
  /** For {@linkcode Heartbeat} in each thread. */
  readonly memory: SharedArrayBuffer;
  readonly #signs: Int32Array;
  /** What each thread had shown at the last look, and how many looks ago that was new. */
  readonly #seen: { sign: number; looks: number }[];

  constructor(threads: number) {
    this.memory = new SharedArrayBuffer(threads * Int32Array.BYTES_PER_ELEMENT);
    this.#signs = new Int32Array(this.memory);
    this.#seen = Array.from({ length: threads }, (_, thread) => this.#now(thread));
  }

  /** Looks at a thread, and tells at how many looks in a row it has shown nothing new. */
  look(thread: number): number {
    const { sign, looks } = this.#seen[thread]!;
    const seen = this.#now(thread);
    if (seen.sign === sign) seen.looks = looks + 1;
    this.#seen[thread] = seen;
    return seen.looks;
  }

  /** A thread is started again: the looks at the one before do not count against it. */
  forget(thread: number): void {
    this.#seen[thread] = this.#now(thread);
  }

  #now(thread: number): { sign: number; looks: number } {
    return { sign: Atomics.load(this.#signs, thread), looks: 0 };
  }
}
