/** A connection without a socket that sends and takes bytes in pieces of random sizes, after random times. */

import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import type { Address } from "../../../src/net/address.ts";
import type { Conn } from "../../../src/net/socket/conn.ts";

const ADDRESS: Address = { transport: "tcp", hostname: "127.0.0.1", port: 1 };

export interface RandomConnOptions {
  readonly random: () => number;
  /** All bytes that its peer sends before it finishes. */
  readonly bytes: Uint8Array;
  readonly largestRead: number;
  readonly largestWrite: number;
}

export class RandomConn implements Conn {
  readonly localAddress = ADDRESS;
  readonly remoteAddress = ADDRESS;
  isFinished = false;
  isClosed = false;
  /** Bytes that were read, and written. */
  read_ = 0;
  taken = 0;
  readonly #options: RandomConnOptions;
  readonly #hash = createHash("sha256");
  readonly #closed = Promise.withResolvers<never>();
  #isReading = false;
  #isWriting = false;

  constructor(options: RandomConnOptions) {
    this.#options = options;
    this.#closed.promise.catch(() => {});
  }

  /** All bytes written, in lower case. */
  get digest(): string {
    return this.#hash.copy().digest("hex");
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    if (this.#isReading) throw new Error("two reads at once");
    this.#isReading = true;
    try {
      await Promise.race([this.#pause(), this.#closed.promise]);
      const { bytes, largestRead } = this.#options;
      if (this.read_ === bytes.byteLength) return null;
      const piece = bytes.subarray(
        this.read_,
        this.read_ + Math.min(buffer.byteLength, this.#upTo(largestRead)),
      );
      buffer.set(piece);
      this.read_ += piece.byteLength;
      return piece.byteLength;
    } finally {
      this.#isReading = false;
    }
  }

  async write(bytes: Uint8Array): Promise<number> {
    if (this.#isWriting) throw new Error("two writes at once");
    if (this.isFinished) throw new Error("a write after FIN");
    this.#isWriting = true;
    try {
      await Promise.race([this.#pause(), this.#closed.promise]);
      // Read only now: no code may change them in the meantime.
      const piece = bytes.subarray(0, this.#upTo(this.#options.largestWrite));
      this.#hash.update(lowerCase(piece));
      this.taken += piece.byteLength;
      return piece.byteLength;
    } finally {
      this.#isWriting = false;
    }
  }

  closeWrite(): Promise<void> {
    if (this.#isWriting) throw new Error("FIN during a write");
    this.isFinished = true;
    return Promise.resolve();
  }

  close(): void {
    this.isClosed = true;
    this.#closed.reject(new Deno.errors.Interrupted("closed"));
  }

  reset(): void {
    this.close();
  }

  setOptions(): void {}

  [Symbol.dispose](): void {
    this.close();
  }

  #upTo(most: number): number {
    return 1 + Math.floor(this.#options.random() * most);
  }

  async #pause(): Promise<void> {
    const { random } = this.#options;
    if (random() < 0.2) await setImmediate();
    for (let turns = Math.floor(random() * 4); turns > 0; turns--) await Promise.resolve();
  }
}

/** ASCII letters in lower case. */
export function lowerCase(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte) => byte >= 65 && byte <= 90 ? byte + 32 : byte);
}

export function digestOf(bytes: Uint8Array): string {
  return createHash("sha256").update(lowerCase(bytes)).digest("hex");
}
