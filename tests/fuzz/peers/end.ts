/** One end of a relayed connection: it sends bytes that are known by their place, and checks those that come. */

import { firstDifference, patternAt } from "../../support/bytes/pattern.ts";
import { abort } from "./abort.ts";
import type { Changes } from "./changes.ts";
import { encodeFrame, FRAME_HEADER, LARGEST_FRAME } from "./frames.ts";

export interface EndOptions {
  readonly changes: Changes;
  /** Which pattern it sends, and which it is to receive. */
  readonly sends: number;
  readonly receives: number;
  /** The connection this belongs to, for frames. */
  readonly id: number;
  /** What it sends is in frames, which say for whom it is. */
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
  /** Bytes that it was told to send, and that the kernel has taken; headers of frames are among them. */
  asked = 0;
  sent = 0;
  /** Bytes that have come, and were right. */
  received = 0;
  /** How the other side has ended, once it has. */
  ending: CloseReason | undefined;
  /** What broke while it was sending. */
  writeError: string | undefined;
  /** Bytes that arrived and were never sent. */
  wrong: string | undefined;
  /** It was told to finish sending, to close, or to reset. */
  hasFinished = false;
  isGone = false;

  constructor(conn: Deno.Conn, options: EndOptions) {
    this.#conn = conn;
    this.#options = options;
  }

  get isStalled(): boolean {
    return this.#gate !== undefined;
  }

  /** Reads until the other side ends; not to be called where somebody else reads and calls {@linkcode take}. */
  async read(): Promise<void> {
    const buffer = new Uint8Array(65_536);
    try {
      for (;;) {
        await this.mayRead();
        const count = await this.#conn.read(buffer);
        if (count === null) break;
        if (!this.isGone) this.take(buffer.subarray(0, count));
      }
      this.end("eof");
    } catch (error) {
      this.end((error as Error).name);
    }
  }

  /** Resolves while it is not stalled. */
  async mayRead(): Promise<void> {
    while (this.#gate !== undefined) await this.#gate.promise;
  }

  /** Bytes have come. @param header How many more came with them. */
  take(bytes: Uint8Array, header = 0): void {
    const wrong = firstDifference(bytes, this.#options.receives, this.#offset);
    if (wrong !== undefined) this.wrong ??= `byte ${wrong} is not the one that was sent`;
    this.#offset += bytes.byteLength;
    this.received += bytes.byteLength + header;
    this.#options.changes.tell();
  }

  /** The other side has ended. */
  end(how: CloseReason): void {
    if (this.isGone) return;
    this.ending ??= how;
    this.#options.changes.tell();
  }

  send(size: number): void {
    const { isFramed, sends, id } = this.#options;
    const from = this.#payload;
    this.#payload += size;
    this.asked += isFramed ? size + Math.max(1, Math.ceil(size / LARGEST_FRAME)) * FRAME_HEADER : size;
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
      // Closed already.
    }
  }

  reset(): void {
    this.#leave();
    abort(this.#conn);
  }

  #leave(): void {
    this.isGone = true;
    this.resume();
    this.#options.changes.tell();
  }

  #enqueue(write: () => Promise<void>): void {
    this.#writing = this.#writing.then(write).catch((error) => {
      if (!this.isGone) this.writeError ??= (error as Error).name;
      this.#options.changes.tell();
    });
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.byteLength;) {
      if (this.isGone || this.writeError !== undefined) throw new Error("gone");
      const count = await this.#conn.write(bytes.subarray(at));
      at += count;
      this.sent += count;
    }
    this.#options.changes.tell();
  }
}
