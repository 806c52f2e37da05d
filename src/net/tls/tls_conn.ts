/** {@linkcode Conn} inside TLS, on node:tls over another `Conn`. */

import type { TLSSocket } from "node:tls";
import { ReceiveBuffer } from "../socket/receive_buffer.ts";
import { type Conn, ConnWrapper } from "../socket/conn.ts";
import type { Peer } from "../errors.ts";
import type { ConnDuplex } from "./duplex.ts";
import { tlsErrorOf } from "./errors.ts";
import { alertIn, isTlsError } from "./faults.ts";
import { detachEncrypted } from "../workarounds/memory.ts";

/** How long `close()` tries to send close_notify to a peer that does not read, in milliseconds. */
const CLOSE_NOTIFY_TIMEOUT = 1000;

export interface TlsConnOptions {
  /** The connection below TLS. */
  readonly inner: Conn;
  readonly duplex: ConnDuplex;
  /** Made with `allowHalfOpen`. */
  readonly socket: TLSSocket;
  readonly side: Peer;
}

interface PendingRead {
  readonly buffer: Uint8Array;
  readonly resolve: (count: number | null) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Half-closes inside TLS: `closeWrite()` sends close_notify and a FIN, and reading goes on (RFC 8446 section 6.1).
 * A FIN without close_notify reads as the end: node:tls does not report it.
 */
export class TlsConn extends ConnWrapper {
  readonly #socket: TLSSocket;
  readonly #duplex: ConnDuplex;
  readonly #side: Peer;
  /** Decrypted bytes that were not read yet: those of one or two reads of the duplex, which is then held. */
  readonly #received = new ReceiveBuffer();
  #reading: PendingRead | undefined;
  #hasRead = false;
  #isEnded = false;
  #isOver = false;
  #error: Error | undefined;
  #end: Promise<void> | undefined;
  #isWriting = false;
  #hasSentEnd = false;
  #isClosed = false;

  /** Takes the socket over right after its handshake, before it can emit another event. */
  constructor({ inner, duplex, socket, side }: TlsConnOptions) {
    super(inner);
    this.#socket = socket;
    this.#duplex = duplex;
    this.#side = side;
    duplex.hold();
    detachEncrypted(socket);
    // The socket is never paused: that takes longer than decrypting a record, and holding the duplex has the same
    // effect.
    socket.on("data", (chunk: Uint8Array) => {
      // One read of the duplex arrives in several pieces, one right after the other.
      if (this.#received.byteLength === 0) queueMicrotask(this.#onReceived);
      this.#received.push(chunk);
    });
    socket.on("end", () => {
      this.#isEnded = true;
      this.#settleRead();
    });
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail());
  }

  override get sendsCloseNotify(): boolean {
    return true;
  }

  override read(buffer: Uint8Array): Promise<number | null> {
    return new Promise((resolve, reject) => {
      this.#reading = { buffer, resolve, reject };
      this.#settleRead();
      // It first passes on what it has decrypted, so no more than that waits here.
      if (this.#reading !== undefined) this.#duplex.release(buffer.byteLength);
    });
  }

  override write(bytes: Uint8Array): Promise<number> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.#isWriting = true;
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (error) => {
        if (error) return reject(this.#failure ?? error);
        this.#isWriting = false;
        resolve(bytes.byteLength);
      });
    });
  }

  override closeWrite(): Promise<void> {
    return this.#end ??= this.#sendEnd();
  }

  /**
   * Sends close_notify first, unless it would have to wait for a pending write. Without it, a peer reports truncation.
   */
  override close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#isWriting || this.#hasSentEnd || this.#socket.destroyed) return this.#destroy();
    const timer = setTimeout(() => this.#destroy(), CLOSE_NOTIFY_TIMEOUT);
    this.closeWrite().catch(() => {}).finally(() => {
      clearTimeout(timer);
      this.#destroy();
    });
  }

  override reset(): void {
    this.inner.reset();
    this.#destroy();
  }

  async #sendEnd(): Promise<void> {
    // The callback also runs if the socket breaks meanwhile; the reading side reports that. It does not run
    // if the socket was destroyed before.
    if (!this.#isOver && !this.#socket.destroyed) {
      await new Promise<void>((resolve) => void this.#socket.end(resolve));
    }
    // node:tls calls back just before it hands close_notify to the duplex.
    await new Promise<void>((resolve) => void setImmediate(resolve));
    await this.#duplex.flushed();
    this.#hasSentEnd = true;
    if (!this.#duplex.destroyed) await this.inner.closeWrite();
  }

  /** The error that broke it. Created when it is needed: most connections close without a reader or writer. */
  get #failure(): Error | undefined {
    if (this.#isOver) this.#error ??= new Deno.errors.Interrupted("Connection closed");
    return this.#error;
  }

  #fail(error?: Error): void {
    this.#isOver = true;
    this.#error ??= error;
    this.#settleRead();
  }

  readonly #onReceived = (): void => this.#settleRead();

  /** Answers the pending read with bytes, the end or the failure, in that order; else leaves it pending. */
  #settleRead(): void {
    const reading = this.#reading;
    if (reading === undefined) return;
    if (this.#received.byteLength > 0) {
      this.#hasRead = true;
      reading.resolve(this.#received.takeInto(reading.buffer));
    } else if (this.#isEnded) {
      reading.resolve(null);
    } else if (this.#failure !== undefined) {
      reading.reject(this.#readError(this.#failure));
    } else {
      return;
    }
    this.#reading = undefined;
    this.#duplex.hold();
  }

  /**
   * A TLS 1.3 server refuses a client's certificate after the client's handshake is complete, before it sends any data.
   */
  #readError(failure: Error): Error {
    const mayBeRefusal = this.#side === "upstream" && !this.#hasRead && isTlsError(failure);
    return mayBeRefusal && alertIn(failure.message) !== undefined ? tlsErrorOf(failure, "upstream") : failure;
  }

  #destroy(): void {
    this.#socket.destroy();
    this.#duplex.destroy();
    this.inner.close();
  }
}
