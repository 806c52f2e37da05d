/** A copy of the bytes of one direction, written to a connection of its own. The direction never waits for it. */

import type { Conn } from "../net/socket/conn.ts";
import { type ProxyError, proxyErrorOf } from "../net/errors.ts";

/** In bytes: of a buffer at first, and the most that one keeps while nothing waits. */
const SMALLEST = 4096;
const LARGEST_KEPT = 64 * 1024;
const NONE = new Uint8Array(0);
/** Answers are read into it and never looked at, so all copies of a thread use the same. */
const DROPPED = new Uint8Array(64 * 1024);

/** Why a copy was given up: more bytes waited than it may hold, or its connection failed. */
export type GivenUp = "behind" | ProxyError;

export interface CopyObserver {
  /** This many bytes were written. */
  onWritten(count: number): void;
  /** It is over: complete and closed by its peer, or given up. Called once. */
  onOver(reason?: GivenUp): void;
}

/** Takes bytes from the start, and writes them once {@linkcode Copy.begin} has its connection. */
export class Copy {
  readonly #limit: number;
  readonly #observer: CopyObserver;
  #conn: Conn | undefined;
  /** A ring: the bytes that wait begin at `#start`, those of the write under way included. */
  #ring = NONE;
  #start = 0;
  #waiting = 0;
  #isWriting = false;
  /** No more bytes follow; and the FIN was sent. */
  #isComplete = false;
  #hasEnded = false;
  #peerHasEnded = false;
  /** How many bytes of answers were dropped. */
  answered = 0;
  #isOver = false;

  /** @param limit How many bytes may wait. */
  constructor(limit: number, observer: CopyObserver) {
    this.#limit = limit;
    this.#observer = observer;
  }

  /** Whether all bytes and the FIN are written, as far as the kernel knows. */
  get #isDelivered(): boolean {
    return this.#hasEnded && !this.#isWriting;
  }

  /** Copies the bytes before it returns. */
  push(bytes: Uint8Array): void {
    if (this.#isOver || this.#isComplete) return;
    if (this.#waiting + bytes.byteLength > this.#limit) return this.end("behind");
    this.#grow(this.#waiting + bytes.byteLength);
    const ring = this.#ring;
    const at = (this.#start + this.#waiting) % ring.byteLength;
    const untilEnd = Math.min(bytes.byteLength, ring.byteLength - at);
    ring.set(bytes.subarray(0, untilEnd), at);
    ring.set(bytes.subarray(untilEnd), 0);
    this.#waiting += bytes.byteLength;
    this.#write();
  }

  /** Sends the FIN after all bytes. */
  complete(): void {
    this.#isComplete = true;
    this.#write();
  }

  /** Its connection is there. The caller closes it when the copy is over. */
  begin(conn: Conn): void {
    this.#conn = conn;
    void this.#dropAnswers(conn);
    this.#write();
  }

  /** Writes and reads no more. The bytes that wait are lost; if none do, nothing was given up. */
  end(reason?: GivenUp): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#ring = NONE;
    this.#observer.onOver(this.#isDelivered ? undefined : reason);
  }

  #grow(needed: number): void {
    const { byteLength } = this.#ring;
    if (needed <= byteLength) return;
    const larger = new Uint8Array(Math.min(this.#limit, Math.max(needed, 2 * byteLength, SMALLEST)));
    const untilEnd = Math.min(this.#waiting, byteLength - this.#start);
    larger.set(this.#ring.subarray(this.#start, this.#start + untilEnd));
    larger.set(this.#ring.subarray(0, this.#waiting - untilEnd), untilEnd);
    this.#ring = larger;
    this.#start = 0;
  }

  #write(): void {
    const conn = this.#conn;
    if (conn === undefined || this.#isWriting || this.#isOver) return;
    if (this.#waiting > 0) {
      this.#isWriting = true;
      // A larger ring may replace this one meanwhile; the bytes stay where the write reads them.
      conn.write(this.#ring.subarray(this.#start, this.#start + this.#waiting)).then(
        this.#onWritten,
        this.#onError,
      );
    } else if (this.#isComplete && !this.#hasEnded) {
      this.#isWriting = this.#hasEnded = true;
      conn.closeWrite().then(this.#onEnded, this.#onError);
    }
  }

  readonly #onWritten = (count: number): void => {
    this.#isWriting = false;
    this.#observer.onWritten(count);
    if (this.#isOver) return;
    this.#waiting -= count;
    this.#start = (this.#start + count) % this.#ring.byteLength;
    if (this.#waiting === 0 && this.#ring.byteLength > LARGEST_KEPT) {
      this.#ring = NONE;
      this.#start = 0;
    }
    this.#write();
  };

  readonly #onEnded = (): void => {
    this.#isWriting = false;
    if (this.#peerHasEnded) this.end();
  };

  readonly #onError = (cause: unknown): void => this.end(proxyErrorOf(cause, "upstream"));

  async #dropAnswers(conn: Conn): Promise<void> {
    try {
      for (let count; (count = await conn.read(DROPPED)) !== null;) this.answered += count;
      this.#peerHasEnded = true;
      if (this.#isDelivered) this.end();
    } catch (cause) {
      this.#onError(cause);
    }
  }
}
