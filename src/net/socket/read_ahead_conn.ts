/** A connection whose first bytes can be examined before they are read. */

import { type Conn, ConnWrapper } from "./conn.ts";

/** The initial capacity of a connection, in bytes: enough for most first messages. */
const SMALLEST = 4096;

/**
 * Holds the bytes that were received but not read yet, and at most one pending read. Reads return these bytes in order,
 * then those of the pending read; later ones go to the connection inside directly.
 */
export class ReadAheadConn extends ConnWrapper {
  readonly #capacity: number;
  #buffer: Uint8Array | undefined;
  /** The number of bytes received, and of those already read. */
  #filled = 0;
  #passed = 0;
  /** The pending read: true if it brought bytes, false at the end. */
  #pending: Promise<boolean> | undefined;
  #isOver = false;

  /**
   * @param capacity How many bytes to hold at most.
   * @param received Bytes that come first, as if they had been received.
   */
  constructor(conn: Conn, capacity: number, received?: Uint8Array) {
    super(conn);
    this.#capacity = capacity;
    this.#buffer = received ?? new Uint8Array(Math.min(SMALLEST, capacity));
    this.#filled = received?.length ?? 0;
  }

  /** A connection that holds as many bytes as are asked for: itself, if it can. */
  static over(conn: Conn, capacity: number): ReadAheadConn {
    return conn instanceof ReadAheadConn && conn.#capacity >= capacity
      ? conn
      : new ReadAheadConn(conn, capacity);
  }

  /** The bytes that were received but not read yet. */
  get received(): Uint8Array {
    return this.#buffer?.subarray(this.#passed, this.#filled) ?? new Uint8Array(0);
  }

  /** It has ended or broken without a byte. */
  get broughtNothing(): boolean {
    return this.#isOver && !this.hasReceived;
  }

  /** It has brought a byte. */
  get hasReceived(): boolean {
    return this.#filled > 0;
  }

  /** There is no room for more bytes. */
  get isFull(): boolean {
    return this.#buffer === undefined || this.#filled === this.#capacity;
  }

  /**
   * Resolves with `true` when more bytes have arrived, or with `false` at the end. A caller may stop waiting and call
   * it again later: there is one read at a time. Rejects when the connection breaks. Must not be called when it is
   * full.
   */
  more(): Promise<boolean> {
    if (this.#pending === undefined) {
      this.#pending = this.#readAhead();
      // It may fail when no reader waits any more.
      this.#pending.catch(() => {});
    }
    return this.#pending;
  }

  /** Drops the first `count` of the bytes received. */
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
    let count: number | null = null;
    try {
      count = await this.inner.read(this.#buffer!.subarray(this.#filled));
    } finally {
      this.#isOver = count === null;
    }
    // The pending read stays, so that the next read returns the end too.
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
