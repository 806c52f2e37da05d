/** The output of a program, line by line. */

/** The time limit for the program's next line, or its end, in milliseconds. */
export const PATIENCE = 30_000;

/** Collects lines from a pipe and lets tests wait for one. */
export class LineReader {
  readonly done: Promise<void>;
  readonly #lines: string[] = [];
  #rest = "";
  #ended = false;
  #changed = Promise.withResolvers<void>();

  constructor(stream: ReadableStream<Uint8Array>) {
    this.done = this.#read(stream);
  }

  get text(): string {
    return this.#lines.map((line) => `${line}\n`).join("") + this.#rest;
  }

  async find(matches: (line: string) => boolean): Promise<string> {
    for (let seen = 0;;) {
      for (; seen < this.#lines.length; seen++) {
        if (matches(this.#lines[seen]!)) return this.#lines[seen]!;
      }
      if (this.#ended) {
        throw new Error(`The program ended without the line waited for; it wrote:\n${this.text}`);
      }
      await this.#nextLine();
    }
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (
      const text of stream.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>)
    ) {
      const lines = (this.#rest + text).split("\n");
      this.#rest = lines.pop()!;
      this.#lines.push(...lines);
      this.#wake();
    }
    this.#ended = true;
    this.#wake();
  }

  async #nextLine(): Promise<void> {
    let timer;
    const tooLong = new Promise<never>((_, reject) => {
      const error = new Error(`Nothing new for ${PATIENCE / 1000} s; the program wrote:\n${this.text}`);
      timer = setTimeout(() => reject(error), PATIENCE);
    });
    try {
      await Promise.race([this.#changed.promise, tooLong]);
    } finally {
      clearTimeout(timer);
    }
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }
}
