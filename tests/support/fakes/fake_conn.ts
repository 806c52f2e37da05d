/** A connection without a socket: the test sends bytes to it, and reads its state. */

import type { Address } from "../../../src/net/address.ts";
import type { Conn } from "../../../src/net/socket/conn.ts";

interface Reader {
  readonly buffer: Uint8Array;
  resolve(count: number | null): void;
  reject(cause: unknown): void;
}

const ADDRESS: Address = { transport: "tcp", hostname: "192.0.2.1", port: 5432 };

export class FakeConn implements Conn {
  readonly localAddress: Address = ADDRESS;
  readonly remoteAddress = ADDRESS;
  /** Everything written, as text. */
  written = "";
  isFinished = false;
  isClosed = false;
  isReset = false;
  #arrived: (Uint8Array | "end" | Error)[] = [];
  #reader: Reader | undefined;

  /** Whether a read is pending. */
  get isRead(): boolean {
    return this.#reader !== undefined;
  }

  /** Bytes from the peer; `"end"` is its FIN, an error breaks the connection. */
  arrive(what: string | Uint8Array | Error): void {
    this.#arrived.push(
      typeof what === "string" && what !== "end" ? new TextEncoder().encode(what) : what as "end",
    );
    this.#deliver();
  }

  read(buffer: Uint8Array): Promise<number | null> {
    return new Promise((resolve, reject) => {
      if (this.#reader !== undefined) throw new Error("two reads at once");
      if (this.isClosed) throw new Deno.errors.BadResource("closed");
      this.#reader = { buffer, resolve, reject };
      this.#deliver();
    });
  }

  write(bytes: Uint8Array): Promise<number> {
    if (this.isClosed) return Promise.reject(new Deno.errors.BadResource("closed"));
    this.written += new TextDecoder().decode(bytes);
    return Promise.resolve(bytes.length);
  }

  closeWrite(): Promise<void> {
    this.isFinished = true;
    return Promise.resolve();
  }

  close(): void {
    this.isClosed = true;
    const reader = this.#reader;
    this.#reader = undefined;
    reader?.reject(new Deno.errors.Interrupted("closed"));
  }

  reset(): void {
    this.isReset = true;
    this.close();
  }

  setOptions(): void {}

  [Symbol.dispose](): void {
    this.close();
  }

  #deliver(): void {
    const reader = this.#reader;
    const next = this.#arrived[0];
    if (reader === undefined || next === undefined) return;
    this.#reader = undefined;
    if (next === "end") return reader.resolve(null);
    if (next instanceof Error) return reader.reject(next);
    const bytes = next.subarray(0, reader.buffer.length);
    reader.buffer.set(bytes);
    if (bytes.length < next.length) this.#arrived[0] = next.subarray(bytes.length);
    else this.#arrived.shift();
    reader.resolve(bytes.length);
  }
}

/** Reads once, into a buffer of `size` bytes. */
export async function readOnce(conn: Conn, size = 64): Promise<string | null> {
  const buffer = new Uint8Array(size);
  const count = await conn.read(buffer);
  return count === null ? null : new TextDecoder().decode(buffer.subarray(0, count));
}
