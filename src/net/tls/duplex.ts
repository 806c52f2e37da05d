/** A {@linkcode Conn} as a Node.js stream, which node:tls runs over. */

import { Duplex } from "node:stream";
import { RelayBuffer } from "../../net/buffers.ts";
import { type Conn, writeAll } from "../socket/conn.ts";
import { detachBuffer, memoryTricks } from "../workarounds/memory.ts";

/** The largest read of bulk, in bytes, if the reader of decrypted bytes has room for it; and the largest without. */
const LARGEST_READ = 1024 * 1024;
const ALWAYS_READ = 64 * 1024;
/**
 * The largest piece for node:tls, in bytes. A larger one does not fit into the CPU cache, and the buffers of node:tls
 * would stay as large.
 */
const LARGEST_PIECE = 64 * 1024;

/**
 * Never a net.Socket: over one, node:tls in Deno 2.9.6 reports even a reset as a clean end, and a net.Socket cannot
 * take over a connection of which bytes were already read.
 */
export class ConnDuplex extends Duplex {
  readonly #conn: Conn;
  readonly #buffer = new RelayBuffer(LARGEST_READ);
  #lastWrite: Promise<void> = Promise.resolve();
  /** Whether to read from the connection. */
  #isOpen = true;
  /** The size of the next read. */
  #space = ALWAYS_READ;
  /** The stream asked for bytes while reads were held. */
  #isAsked = false;
  /** Whether it has brought a byte. */
  hasReceived = false;
  /** The buffer is being filled or passed on: the stream may ask for more after any piece of it. */
  #isReading = false;

  constructor(conn: Conn) {
    super({ allowHalfOpen: true });
    this.#conn = conn;
  }

  /**
   * Calls `onOver` when the connection breaks, or, without a cause, when it is closed or ends; perhaps more than once.
   * Needed in a handshake, where node:tls keeps waiting after the peer has gone.
   */
  whenOver(onOver: (cause?: Error) => void): void {
    const onEnd = () => onOver();
    this.on("error", onOver);
    this.on("close", onEnd);
    // A FIN right behind the last handshake message must not overtake it.
    this.on("end", () => void setImmediate(onEnd));
  }

  /** Resolves when all bytes so far are written, or the connection has failed. */
  async flushed(): Promise<void> {
    while (this.writableLength > 0 && !this.destroyed) await this.#lastWrite;
  }

  /**
   * Reads no further until {@linkcode release}: a paused TLSSocket in Deno 2.9.6 does not pause what it runs over,
   * and would buffer everything that the peer sends. A pending read continues.
   */
  hold(): void {
    this.#isOpen = false;
  }

  /** Reads again, for a reader with room for this many bytes. */
  release(space: number): void {
    this.#isOpen = true;
    this.#space = Math.max(space, ALWAYS_READ);
    this.#readIfAsked();
  }

  /**
   * Without an error, it waits until everything is written or the connection is closed: node:tls destroys its stream as
   * soon as both sides have finished, when its close_notify may not be written yet.
   */
  override destroy(error?: Error): this {
    if (error !== undefined || this.writableLength === 0) return super.destroy(error);
    void this.flushed().then(() => super.destroy());
    return this;
  }

  override _read(): void {
    this.#isAsked = true;
    this.#readIfAsked();
  }

  #readIfAsked(): void {
    if (!this.#isAsked || !this.#isOpen || this.#isReading) return;
    this.#isAsked = false;
    this.#isReading = true;
    this.#conn.read(this.#buffer.take(this.#space)).then(this.#onRead, this.#onReadError);
  }

  readonly #onRead = (count: number | null): void => {
    if (count === null || this.destroyed) {
      this.#buffer.unused();
      if (!this.destroyed) this.push(null);
      return;
    }
    this.hasReceived = true;
    const bytes = this.#buffer.filled(count);
    if (count <= LARGEST_PIECE) this.push(bytes);
    else this.#pushPieces(bytes);
    // node:tls copies each chunk at once; only chunks in the queue of the stream are still needed.
    if (this.readableLength > 0 || !memoryTricks.areOn) this.#buffer.abandoned();
    else this.#buffer.written();
    // Other connections may use a large buffer while this one reads nothing.
    if (bytes.buffer.byteLength > ALWAYS_READ) this.#buffer.unused();
    this.#isReading = false;
    this.#readIfAsked();
  };

  #pushPieces(bytes: Uint8Array): void {
    for (let start = 0; start < bytes.byteLength && !this.destroyed; start += LARGEST_PIECE) {
      this.push(bytes.subarray(start, start + LARGEST_PIECE));
    }
  }

  readonly #onReadError = (cause: Error): void => {
    this.#buffer.unused();
    this.destroy(cause);
  };

  override _write(bytes: Uint8Array, _encoding: string, callback: (error?: Error | null) => void): void {
    this.#lastWrite = writeAll(this.#conn, bytes).then(() => {
      detachBuffer(bytes); // made for this write
      callback();
    }, callback);
  }

  override _final(callback: (error?: Error | null) => void): void {
    // The reading side reports that the peer is gone.
    this.#conn.closeWrite().then(() => callback(), () => callback());
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#conn.close();
    callback(error);
  }
}
