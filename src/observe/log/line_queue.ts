/** A bounded queue of lines before a slow, blocked or failing writer. */

/** Writes some or all of the bytes, as `Deno.Writer.write` does. */
export type WriteBytes = (bytes: Uint8Array) => Promise<number>;

export interface LineQueueOptions {
  readonly write: WriteBytes;
  /** Makes the line that replaces dropped lines. */
  readonly describeDrops: (dropped: number) => string;
  /** The writer threw, and the queue retries. Not called again before {@linkcode onWorking}. */
  readonly onFailing?: (error: unknown) => void;
  /** The writer works again. `dropped` lines were lost, and no line has reported them yet. */
  readonly onWorking?: (dropped: number) => void;
  /** See {@linkcode LineQueue.replaceWriter}, in milliseconds. */
  readonly handoverTimeout?: number;
}

/** The most characters queued; about a minute of a busy proxy's lines. */
const MAX_QUEUED = 4 * 1024 * 1024;
/** Characters joined into one write. */
const BATCH = 64 * 1024;
/** {@linkcode LineQueue.flush} waits this long for a writer that accepts nothing, in milliseconds. */
const FLUSH_DEADLINE = 1000;
/** Pause before the first retry of a full non-blocking pipe, in milliseconds. */
const RETRY_FULL_PIPE = 10;
/** The longest pause between two such retries: the pipe may have no reader for hours. */
const LONGEST_RETRY_FULL_PIPE = 100;
/** A writer that is being replaced has this long to write earlier lines, in milliseconds. */
const HANDOVER_TIMEOUT = 5000;
/** Pause before a writer that threw is retried, in milliseconds. */
const RETRY_FAILED = 1000;
const NEWLINE = "\n".charCodeAt(0);

/** Lines being written. */
interface Batch {
  readonly bytes: Uint8Array;
  /** Characters of its lines, as counted in the queue. */
  readonly characters: number;
  /** Bytes already written. */
  written: number;
}

const NOTHING: Batch = { bytes: new Uint8Array(), characters: 0, written: 0 };

/** A writer that takes over when the old one has written `after` more lines. */
interface Successor {
  readonly write: WriteBytes;
  after: number;
  /** Called when the new writer has taken over, or never will. */
  readonly onDecided: (hasTakenOver: boolean) => void;
}

/** Accepts lines at any time and writes them in order; drops and counts those that do not fit. */
export class LineQueue {
  readonly #options: LineQueueOptions;
  readonly #encoder = new TextEncoder();
  #write: WriteBytes;
  #successor: Successor | undefined;
  #lines: string[] = [];
  #queued = 0;
  #dropped = 0;
  /** Dropped lines that a line has reported. */
  #reported = 0;
  #batch: Batch | undefined;
  #writing: Promise<void> | undefined;
  #isFailing = false;
  #isClosed = false;
  /** The queue is closed, and the time to write queued lines is over: it writes and reports nothing any more. */
  #isOver = false;
  #retry: ReturnType<typeof setTimeout> | undefined;
  /** Fails the current write, which may hang forever. */
  #giveUp: ((reason: Error) => void) | undefined;
  /** Ends the pause before the next write to a full pipe. */
  #endPause: (() => void) | undefined;

  constructor(options: LineQueueOptions) {
    this.#options = options;
    this.#write = options.write;
  }

  /** Lines dropped since the start. */
  get dropped(): number {
    return this.#dropped;
  }

  push(line: string): void {
    if (this.#queued + line.length > MAX_QUEUED) {
      this.#dropped += 1;
      return;
    }
    this.#lines.push(line);
    this.#queued += line.length + 1;
    if (this.#retry === undefined) this.#start();
  }

  /** Resolves when all lines are written, or could not be, or after a second. */
  async flush(): Promise<void> {
    this.#start();
    if (this.#writing === undefined) return;
    let deadline;
    const tooLong = new Promise<void>((resolve) => deadline = setTimeout(resolve, FLUSH_DEADLINE));
    await Promise.race([this.#writing, tooLong]);
    clearTimeout(deadline);
  }

  /**
   * Replaces the writer for lines pushed from now on. Resolves when all earlier lines are written and the old writer is
   * no longer used. If the old writer fails, the new one takes over at once, and if it hangs, after five seconds; the
   * new writer also writes the lines that the old one did not complete.
   *
   * @param onTakeOver Called in the same turn in which the new writer takes over.
   * @returns false when the queue was closed before.
   */
  async replaceWriter(write: WriteBytes, onTakeOver: () => void = () => {}): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const onDecided = (hasTakenOver: boolean) => {
      if (hasTakenOver) onTakeOver();
      resolve(hasTakenOver);
    };
    this.#successor = { write, after: this.#lines.length, onDecided };
    this.#start();
    const { handoverTimeout = HANDOVER_TIMEOUT } = this.#options;
    const hangs = new Error(`a write has not returned for ${handoverTimeout / 1000} s`);
    const late = setTimeout(() => this.#giveUp?.(hangs), handoverTimeout);
    const hasTakenOver = await promise;
    clearTimeout(late);
    return hasTakenOver;
  }

  /**
   * Writes queued lines, as {@linkcode flush} does, and stops. Nothing may be pushed afterwards. Resolves with the
   * number of lines that could not be written.
   */
  async close(): Promise<number> {
    this.#isClosed = true;
    await this.flush();
    this.#isOver = true;
    this.#giveUp?.(new Error("closed"));
    this.#successor?.onDecided(false);
    this.#successor = undefined;
    const { bytes, written } = this.#batch ?? NOTHING;
    return this.#lines.length + bytes.subarray(written).filter((byte) => byte === NEWLINE).length;
  }

  #start(): void {
    if (this.#writing !== undefined) return;
    if (this.#batch === undefined && this.#lines.length === 0 && this.#successor === undefined) return;
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#writing = this.#writeAll();
  }

  async #writeAll(): Promise<void> {
    // In a later turn, so that lines logged together are written together.
    await Promise.resolve();
    try {
      for (;;) {
        this.#changeWriter();
        this.#batch ??= this.#nextBatch();
        if (this.#batch === undefined) break;
        await this.#writeBatch(this.#batch);
      }
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#writing = undefined;
      if (this.#isFailing && this.#successor !== undefined) this.#start();
    }
  }

  #changeWriter(): void {
    const successor = this.#successor;
    if (successor === undefined) return;
    const isDue = this.#batch === undefined && successor.after === 0;
    if (!isDue && !this.#isFailing) return;
    // The new writer writes the whole of a line that was cut off.
    if (this.#batch !== undefined) {
      const { bytes, written } = this.#batch;
      this.#batch.written = written === 0 ? 0 : bytes.lastIndexOf(NEWLINE, written - 1) + 1;
    }
    this.#write = successor.write;
    this.#successor = undefined;
    successor.onDecided(true);
  }

  #nextBatch(): Batch | undefined {
    const most = this.#successor?.after ?? this.#lines.length;
    let count = 0;
    for (let size = 0; count < most && size < BATCH; count++) size += this.#lines[count]!.length;
    const lines = this.#lines.splice(0, count);
    const characters = lines.reduce((sum, line) => sum + line.length + 1, 0);
    if (this.#successor !== undefined) this.#successor.after -= count;
    if (this.#dropped > this.#reported && this.#lines.length === 0) {
      lines.push(this.#options.describeDrops(this.#dropped - this.#reported));
      this.#reported = this.#dropped;
    }
    if (lines.length === 0) return undefined;
    return { bytes: this.#encoder.encode(lines.join("\n") + "\n"), characters, written: 0 };
  }

  async #writeBatch(batch: Batch): Promise<void> {
    while (batch.written < batch.bytes.byteLength) {
      batch.written += await this.#writeSome(batch.bytes.subarray(batch.written));
      this.#worked();
    }
    this.#batch = undefined;
    this.#queued -= batch.characters;
  }

  async #writeSome(bytes: Uint8Array): Promise<number> {
    const written = Promise.withResolvers<number>();
    this.#giveUp = (reason) => {
      written.reject(reason);
      this.#endPause?.();
    };
    this.#untilSomeIsWritten(bytes).then(written.resolve, written.reject);
    try {
      return await written.promise;
    } finally {
      this.#giveUp = undefined;
    }
  }

  async #untilSomeIsWritten(bytes: Uint8Array): Promise<number> {
    const write = this.#write;
    for (let pause = RETRY_FULL_PIPE;; pause = Math.min(2 * pause, LONGEST_RETRY_FULL_PIPE)) {
      try {
        return await write(bytes);
      } catch (error) {
        if (!(error instanceof Deno.errors.WouldBlock)) throw error;
        await this.#pause(pause);
        // The write was abandoned, and its file may be closed.
        if (this.#isOver || this.#write !== write) throw error;
      }
    }
  }

  /** Resolves after this many milliseconds, or when the write is abandoned. */
  #pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#endPause?.(), milliseconds);
      this.#endPause = () => {
        clearTimeout(timer);
        this.#endPause = undefined;
        resolve();
      };
    });
  }

  /** A full disk or a closed pipe must not end the proxy. */
  #failed(error: unknown): void {
    if (!this.#isClosed) {
      this.#retry = setTimeout(() => this.#start(), RETRY_FAILED);
      Deno.unrefTimer(this.#retry);
    }
    if (this.#isFailing || this.#isOver) return;
    this.#isFailing = true;
    this.#options.onFailing?.(error);
  }

  #worked(): void {
    if (!this.#isFailing) return;
    this.#isFailing = false;
    this.#options.onWorking?.(this.#dropped - this.#reported);
  }
}
