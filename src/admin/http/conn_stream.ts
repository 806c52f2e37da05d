/** An accepted connection as a Node.js stream for node:http. */

import { Duplex } from "node:stream";

/** What the admin interface needs from a connection. */
export interface AdminConn {
  /** Reads at least one byte; `null` once the peer has finished sending. */
  read(buffer: Uint8Array): Promise<number | null>;
  /** Resolves with how many bytes the kernel accepted. */
  write(bytes: Uint8Array): Promise<number>;
  /** May be called twice; never throws. */
  close(): void;
}

/** Bytes per read: a request head is rarely larger. */
const READ_SIZE = 4096;

export class ConnStream extends Duplex {
  readonly #conn: AdminConn;
  readonly #now: () => number;
  readonly #onRead: () => void;
  /** When the kernel last accepted bytes of the current write, by the clock; undefined without a write. */
  #writingSince: number | undefined;

  /** @param onRead Called for each chunk that the client sends. */
  constructor(conn: AdminConn, now: () => number, onRead: () => void) {
    super({ allowHalfOpen: true });
    this.#conn = conn;
    this.#now = now;
    this.#onRead = onRead;
  }

  /** How long the current write has made no progress, in milliseconds; 0 without a write. */
  get stuckFor(): number {
    return this.#writingSince === undefined ? 0 : this.#now() - this.#writingSince;
  }

  override async _read(): Promise<void> {
    const buffer = new Uint8Array(READ_SIZE);
    try {
      const count = await this.#conn.read(buffer);
      if (this.destroyed) return;
      if (count !== null) this.#onRead();
      this.push(count === null ? null : buffer.subarray(0, count));
    } catch (error) {
      this.destroy(error as Error);
    }
  }

  override async _write(
    bytes: Uint8Array,
    _encoding: string,
    callback: (error?: Error | null) => void,
  ): Promise<void> {
    try {
      for (let written = 0; written < bytes.byteLength;) {
        this.#writingSince = this.#now();
        written += await this.#conn.write(bytes.subarray(written));
      }
    } catch (error) {
      return callback(error as Error);
    } finally {
      this.#writingSince = undefined;
    }
    callback();
  }

  /** The response is complete: whatever the client still sends is ignored. */
  override _final(callback: (error?: Error | null) => void): void {
    callback();
    this.destroy();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#conn.close();
    callback(error);
  }
}
