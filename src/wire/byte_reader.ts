/** Reads numbers and pieces, most significant byte first, from untrusted bytes. */

/** The bytes are invalid, whatever follows them. The message says why. */
export class MalformedError extends Error {
  override readonly name = "MalformedError";
}

/** The bytes are valid so far, but incomplete. */
export class CutShortError extends Error {
  override readonly name = "CutShortError";
}

export class ByteReader {
  /** What is read, for messages. */
  readonly what: string;
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;

  /** Reads from `start` to `end`; not all of these bytes need to have arrived. */
  constructor(bytes: Uint8Array, what: string, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.what = what;
    this.#at = start;
    this.#end = end;
  }

  /** How many bytes are left, arrived or not. */
  get remaining(): number {
    return this.#end - this.#at;
  }

  /** Where the next byte is in the bytes that are read. */
  get offset(): number {
    return this.#at;
  }

  // Every method below throws a MalformedError when it reads beyond the end, and otherwise a CutShortError when the
  // bytes have not arrived yet.

  uint8(): number {
    return this.#number(1);
  }

  uint16(): number {
    return this.#number(2);
  }

  uint24(): number {
    return this.#number(3);
  }

  uint32(): number {
    return this.#number(4);
  }

  /** A reader of the next bytes, which need not have arrived yet. */
  piece(length: number, what: string): ByteReader {
    if (length > this.remaining) throw new MalformedError(`${what} runs past the end of ${this.what}`);
    this.#at += length;
    return new ByteReader(this.#bytes, what, this.#at - length, this.#at);
  }

  /** A reader of the bytes that follow their own length, a number of one or two bytes. */
  vector(lengthSize: 1 | 2, what: string): ByteReader {
    return this.piece(this.#number(lengthSize), what);
  }

  /** All bytes that are left, as a view. */
  rest(): Uint8Array {
    const start = this.#take(this.remaining);
    return this.#bytes.subarray(start, this.#end);
  }

  /** All bytes that are left, as text: the character of each has its number. Takes a few thousand bytes at most. */
  latin1(): string {
    return String.fromCharCode(...this.rest());
  }

  /** @throws {MalformedError} when bytes are left. */
  finish(): void {
    if (this.remaining > 0) throw new MalformedError(`${this.what} is too long`);
  }

  #number(size: number): number {
    const start = this.#take(size);
    let value = 0;
    for (let at = start; at < start + size; at++) value = value * 256 + this.#bytes[at]!;
    return value;
  }

  /** Skips bytes; returns the position of the first. */
  #take(count: number): number {
    const start = this.#at;
    if (count > this.remaining) throw new MalformedError(`${this.what} is too short`);
    if (start + count > this.#bytes.length) throw new CutShortError(`${this.what} is not there yet`);
    this.#at += count;
    return start;
  }
}
