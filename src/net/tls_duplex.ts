/** A {@linkcode Conn} as a Node.js stream, which node:tls runs over. */

import { Duplex } from "node:stream";
import { type Conn, writeAll } from "./conn.ts";

/** One TLS record with its header fits (RFC 8446 section 5.2), so it takes one read. */
const READ_SIZE = 16 * 1024 + 512;

/**
 * Never a net.Socket: over one, node:tls in Deno 2.9.6 shows even a reset as a clean end, and a connection of
 * which bytes were read already cannot be one.
 */
export class ConnDuplex extends Duplex {
  readonly #conn: Conn;
  #lastWrite: Promise<void> = Promise.resolve();
  /** Bytes are read from the connection only then. */
  #isOpen = true;
  /** The stream asked for bytes meanwhile. */
  #isAsked = false;
  /** It goes once everything is written. */
  #isLeaving = false;

  constructor(conn: Conn) {
    super({ allowHalfOpen: true });
    this.#conn = conn;
  }

  /**
   * Calls `onOver`, perhaps more than once, when the connection breaks, is closed or ends. In a handshake node:tls
   * waits on when the peer has gone.
   */
  whenOver(onOver: (cause: Error) => void): void {
    const onEnd = () => onOver(new Deno.errors.UnexpectedEof("unexpected end of file"));
    this.on("error", onOver);
    this.on("close", onEnd);
    // A FIN right behind the last handshake message must not overtake it.
    this.on("end", () => void setImmediate(onEnd));
  }

  /** Resolves once everything handed over so far was written, or the connection has failed. */
  async flushed(): Promise<void> {
    while (this.writableLength > 0 && !this.destroyed) await this.#lastWrite;
  }

  /**
   * Reads no further until {@linkcode release}: a paused TLSSocket in Deno 2.9.6 does not pause what it runs over,
   * and would take in everything that the peer sends. A read under way goes on.
   */
  hold(): void {
    this.#isOpen = false;
  }

  release(): void {
    this.#isOpen = true;
    if (!this.#isAsked) return;
    this.#isAsked = false;
    this._read();
  }

  /**
   * Without an error, only once what was handed over is written, or the connection is closed: node:tls destroys what
   * it runs over as soon as both sides have finished, and its close_notify may still be under way.
   */
  override destroy(error?: Error): this {
    if (error !== undefined || this.writableLength === 0) return super.destroy(error);
    if (!this.#isLeaving) void this.flushed().then(() => super.destroy());
    this.#isLeaving = true;
    return this;
  }

  override _read(): void {
    if (!this.#isOpen) {
      this.#isAsked = true;
      return;
    }
    const buffer = new Uint8Array(READ_SIZE);
    this.#conn.read(buffer).then((count) => {
      if (!this.destroyed) this.push(count === null ? null : buffer.subarray(0, count));
    }, (cause) => void this.destroy(cause));
  }

  override _write(bytes: Uint8Array, _encoding: string, callback: (error?: Error | null) => void): void {
    this.#lastWrite = writeAll(this.#conn, bytes).then(() => callback(), callback);
  }

  override _final(callback: (error?: Error | null) => void): void {
    // That the peer is gone shows in reading.
    this.#conn.closeWrite().then(() => callback(), () => callback());
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#conn.close();
    callback(error);
  }
}
