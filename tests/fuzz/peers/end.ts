/** One end of a relayed connection: sends bytes that follow from their position, and checks those that it receives. */

import { firstDifference, patternAt } from "../../support/bytes/pattern.ts";
import { abort } from "./abort.ts";
import type { Changes } from "./changes.ts";
import { encodeFrame, FRAME_HEADER, LARGEST_FRAME } from "./frames.ts";

export interface EndOptions {
  readonly changes: Changes;
  /** The patterns to send and to expect. */
  readonly sends: number;
  readonly receives: number;
  /** The connection this belongs to, for frames. */
  readonly id: number;
  /** Whether it sends frames, which name the client of their bytes. */
  readonly isFramed: boolean;
}

/** How the other side ended: in order, or by an error of this name. */
export type CloseReason = "eof" | string;

export class End {
  readonly #options: EndOptions;
  readonly #conn: Deno.Conn;
  #writing: Promise<void> = Promise.resolve();
  #gate: PromiseWithResolvers<void> | undefined;
  #payload = 0;
  #offset = 0;
  /** Bytes to send, and those of them that the kernel has taken; both include headers of frames. */
  queued = 0;
  sent = 0;
  /** Correct bytes that it has received. */
  received = 0;
  /** How the other side has ended; undefined before. */
  ending: CloseReason | undefined;
  /** The error of a write. */
  writeError: string | undefined;
  /** Bytes that arrived and were never sent. */
  wrong: string | undefined;
  /** Whether it was made to finish sending; and to close, or to reset. */
  hasFinished = false;
  isClosed = false;

  constructor(conn: Deno.Conn, options: EndOptions) {
    this.#conn = conn;
    this.#options = options;
  }

  get isStalled(): boolean {
    return this.#gate !== undefined;
  }

  /** Reads until the other side ends. Do not call it if other code reads, and calls {@linkcode take}. */
  async read(): Promise<void> {
    const buffer = new Uint8Array(65_536);
    try {
      for (;;) {
        await this.mayRead();
        const count = await this.#conn.read(buffer);
        if (count === null) break;
        if (!this.isClosed) this.take(buffer.subarray(0, count));
      }
      this.end("eof");
    } catch (error) {
      this.end((error as Error).name);
    }
  }

  /** Resolves at once unless it is stalled, else when it continues. */
  async mayRead(): Promise<void> {
    while (this.#gate !== undefined) await this.#gate.promise;
  }

  /** Takes received bytes. @param header The length of the header before them. */
  take(bytes: Uint8Array, header = 0): void {
    const wrong = firstDifference(bytes, this.#options.receives, this.#offset);
    if (wrong !== undefined) this.wrong ??= `byte ${wrong} is not the one that was sent`;
    this.#offset += bytes.byteLength;
    this.received += bytes.byteLength + header;
    this.#options.changes.notify();
  }

  /** The other side has ended. */
  end(how: CloseReason): void {
    if (this.isClosed) return;
    this.ending ??= how;
    this.#options.changes.notify();
  }

  send(size: number): void {
    const { isFramed, sends, id } = this.#options;
    const from = this.#payload;
    this.#payload += size;
    this.queued += isFramed ? size + Math.max(1, Math.ceil(size / LARGEST_FRAME)) * FRAME_HEADER : size;
    this.#enqueue(async () => {
      for (let at = 0; at < size || isFramed && at === 0;) {
        const piece = patternAt(sends, from + at, Math.min(LARGEST_FRAME, size - at));
        await this.#write(isFramed ? encodeFrame(id, piece) : piece);
        at += Math.max(piece.byteLength, 1);
      }
    });
  }

  finish(): void {
    this.hasFinished = true;
    this.#enqueue(() => this.#conn.closeWrite());
  }

  stall(): void {
    this.#gate ??= Promise.withResolvers();
  }

  resume(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
  }

  close(): void {
    this.#leave();
    try {
      this.#conn.close();
    } catch {
      // It is already closed.
    }
  }

  reset(): void {
    this.#leave();
    abort(this.#conn);
  }

  #leave(): void {
    this.isClosed = true;
    this.resume();
    this.#options.changes.notify();
  }

  #enqueue(write: () => Promise<void>): void {
    this.#writing = this.#writing.then(write).catch((error) => {
      if (!this.isClosed) this.writeError ??= (error as Error).name;
      this.#options.changes.notify();
    });
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.byteLength;) {
      if (this.isClosed || this.writeError !== undefined) throw new Error("gone");
      const count = await this.#conn.write(bytes.subarray(at));
      at += count;
      this.sent += count;
    }
    this.#options.changes.notify();
  }
}
