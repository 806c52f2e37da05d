/** A bounded queue of lines before a slow or blocked writer. */

/** Writes some or all of the bytes, as `Deno.Writer.write` does. */
export type WriteBytes = (bytes: Uint8Array) => Promise<number>;

/** Characters that may wait; about a minute of a busy proxy's lines. */
const MOST_WAITING = 4 * 1024 * 1024;
/** Characters joined into one write. */
const BATCH = 64 * 1024;
/** How long {@linkcode LineQueue.flush} waits for a writer that takes nothing, in milliseconds. */
const FLUSH_DEADLINE = 1000;
/** A pipe that is full and does not block is tried again after so many milliseconds. */
const RETRY_FULL_PIPE = 10;

/** Takes lines at any time and writes them in order; what does not fit is dropped and counted. */
export class LineQueue {
  readonly #write: WriteBytes;
  readonly #describeDrops: (dropped: number) => string;
  readonly #encoder = new TextEncoder();
  #lines: string[] = [];
  #waiting = 0;
  #dropped = 0;
  #inFlight = 0;
  #writing: Promise<void> | undefined;

  /** @param describeDrops makes the line that stands where lines were dropped. */
  constructor(write: WriteBytes, describeDrops: (dropped: number) => string) {
    this.#write = write;
    this.#describeDrops = describeDrops;
  }

  push(line: string): void {
    if (this.#waiting + line.length > MOST_WAITING) {
      this.#dropped += 1;
      return;
    }
    this.#lines.push(line);
    this.#waiting += line.length + 1;
    this.#writing ??= this.#writeAll();
  }

  /** Resolves when the queue is empty, or after a second. */
  async flush(): Promise<void> {
    if (this.#writing === undefined) return;
    let deadline;
    const tooLong = new Promise<void>((resolve) => deadline = setTimeout(resolve, FLUSH_DEADLINE));
    await Promise.race([this.#writing, tooLong]);
    clearTimeout(deadline);
  }

  async #writeAll(): Promise<void> {
    // Not in this turn: lines logged together are written together.
    await Promise.resolve();
    try {
      while (this.#lines.length > 0) await this.#writeBatch();
    } catch {
      // Nobody reads the log any more (a closed pipe): that must not end the proxy.
      this.#dropped += this.#lines.length + this.#inFlight;
      this.#inFlight = 0;
      this.#lines = [];
      this.#waiting = 0;
    } finally {
      this.#writing = undefined;
    }
  }

  async #writeBatch(): Promise<void> {
    let end = 0;
    for (let size = 0; end < this.#lines.length && size < BATCH; end++) size += this.#lines[end]!.length;
    const lines = this.#lines.splice(0, end);
    const taken = lines.reduce((sum, line) => sum + line.length + 1, 0);
    this.#inFlight = lines.length;
    if (this.#dropped > 0 && this.#lines.length === 0) {
      lines.push(this.#describeDrops(this.#dropped));
      this.#dropped = 0;
    }
    const text = lines.join("\n") + "\n";
    let bytes = this.#encoder.encode(text);
    while (bytes.byteLength > 0) bytes = bytes.subarray(await this.#writeSome(bytes));
    this.#inFlight = 0;
    this.#waiting -= taken;
  }

  async #writeSome(bytes: Uint8Array): Promise<number> {
    for (;;) {
      try {
        return await this.#write(bytes);
      } catch (error) {
        if (!(error instanceof Deno.errors.WouldBlock)) throw error;
        await new Promise((resolve) => setTimeout(resolve, RETRY_FULL_PIPE));
      }
    }
  }
}
