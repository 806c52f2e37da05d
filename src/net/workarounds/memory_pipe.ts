/** Two connections in memory: each reads what the other writes. */

import type { Address } from "../address.ts";
import type { Conn } from "../socket/conn.ts";

const ADDRESS: Address = { transport: "unix", path: "" };

export function memoryPipe(): [Conn, Conn] {
  const [a, b] = [new MemoryConn(), new MemoryConn()];
  a.peer = b;
  b.peer = a;
  return [a, b];
}

class MemoryConn implements Conn {
  readonly localAddress = ADDRESS;
  readonly remoteAddress = ADDRESS;
  peer: MemoryConn | undefined;
  /** Chunks that the peer has sent and that are not read yet. `null` is its FIN. */
  readonly #sent: (Uint8Array | null)[] = [];
  #onSent: (() => void) | undefined;

  async read(buffer: Uint8Array): Promise<number | null> {
    while (this.#sent.length === 0) await new Promise<void>((resolve) => this.#onSent = resolve);
    const next = this.#sent[0]!;
    if (next === null) return null;
    const count = Math.min(next.byteLength, buffer.byteLength);
    buffer.set(next.subarray(0, count));
    if (count < next.byteLength) this.#sent[0] = next.subarray(count);
    else this.#sent.shift();
    return count;
  }

  /** Takes a copy, as the kernel does; `slice()` of a Buffer makes none. */
  write(bytes: Uint8Array): Promise<number> {
    this.peer?.arrive(new Uint8Array(bytes));
    return Promise.resolve(bytes.byteLength);
  }

  closeWrite(): Promise<void> {
    this.peer?.arrive(null);
    return Promise.resolve();
  }

  close(): void {
    this.peer?.arrive(null);
    this.arrive(null);
  }

  reset(): void {
    this.close();
  }

  setNoDelay(): void {}

  setKeepAlive(): void {}

  [Symbol.dispose](): void {
    this.close();
  }

  arrive(bytes: Uint8Array | null): void {
    this.#sent.push(bytes);
    this.#onSent?.();
  }
}
