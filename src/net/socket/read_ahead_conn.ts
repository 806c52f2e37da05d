/** A connection whose first bytes can be examined before they are read. */

import { type Conn, ConnWrapper } from "./conn.ts";

/** What a connection holds to begin with, in bytes: enough for most first words. */
const SMALLEST = 4096;

/**
 * Holds the bytes received and not read yet, and at most one pending read. Readers get the bytes in order, then those
 * of the pending read; after that the connection inside is read directly.
 */
export class ReadAheadConn extends ConnWrapper {
  readonly #capacity: number;
  #buffer: Uint8Array | undefined;
  /** The number of bytes received, and of those already read. */
  #filled = 0;
  #passed = 0;
  /** The read under way: whether it brought bytes, or the end. */
  #pending: Promise<boolean> | undefined;

  /** @param capacity How many bytes to hold at most. */
  constructor(conn: Conn, capacity: number) {
    super(conn);
    this.#capacity = capacity;
    this.#buffer = new Uint8Array(Math.min(SMALLEST, capacity));
  }

  /** Bytes received and not read yet. */
  get received(): Uint8Array {
    return this.#buffer?.subarray(this.#passed, this.#filled) ?? new Uint8Array(0);
  }

  /** No more bytes can be held. */
  get isFull(): boolean {
    return this.#buffer === undefined || this.#filled === this.#capacity;
  }

  /**
   * Resolves when more bytes have arrived: `true`, or at the end: `false`. It may be left waiting, and asked again:
   * there is one read at a time. Rejects when the connection breaks. Must not be called when it is full.
   */
  more(): Promise<boolean> {
    if (this.#pending === undefined) {
      this.#pending = this.#readAhead();
      // It may fail when no reader waits any more.
      this.#pending.catch(() => {});
    }
    return this.#pending;
  }

  /** Drops bytes from the front of what arrived. */
  skip(count: number): void {
    this.#passed += count;
  }

  override async read(buffer: Uint8Array): Promise<number | null> {
    if (this.#buffer === undefined) return await this.inner.read(buffer);
    if (this.#passed === this.#filled && this.#pending !== undefined && !(await this.#pending)) return null;
    if (this.#passed < this.#filled) {
      const bytes = this.#buffer.subarray(this.#passed, Math.min(this.#filled, this.#passed + buffer.length));
      buffer.set(bytes);
      this.#passed += bytes.length;
      return bytes.length;
    }
    this.#buffer = undefined;
    return await this.inner.read(buffer);
  }

  async #readAhead(): Promise<boolean> {
    if (this.#filled === this.#buffer!.length) this.#grow();
    const count = await this.inner.read(this.#buffer!.subarray(this.#filled));
    // The end stays, for the next read.
    if (count === null) return false;
    this.#pending = undefined;
    this.#filled += count;
    return true;
  }

  #grow(): void {
    const larger = new Uint8Array(Math.min(this.#filled * 2, this.#capacity));
    larger.set(this.#buffer!);
    this.#buffer = larger;
  }
}
